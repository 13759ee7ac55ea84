"""What a registry and its disk have, asked by HTTP and by looking into its container."""

from __future__ import annotations

import re

import requests
from requests.adapters import HTTPAdapter, Retry

from course.engine import engine

KINDS = (
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.oci.image.manifest.v1+json"
)
DIGEST = "Docker-Content-Digest"
BLOBS = "/var/lib/registry/docker/registry/v2/blobs"
# The registry makes this empty layer when it is asked for a manifest in the oldest format.
EMPTY_LAYER = "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"
PATIENCE = 5.0  # seconds for one answer
web = requests.Session()  # a registry that was started a moment ago is asked again
web.mount("http://", HTTPAdapter(max_retries=Retry(4, backoff_factor=0.1)))


def ask(port: object, path: str, login: tuple[str, str] | None = None) -> requests.Response | None:
    """What a registry answers below ``/v2/``; None where no registry does."""
    try:
        url, accept = f"http://127.0.0.1:{int(str(port))}/v2/{path}", {"Accept": KINDS}
        answer = web.get(url, headers=accept, auth=login, timeout=PATIENCE)
    except (requests.RequestException, ValueError):
        return None
    return answer if "Docker-Distribution-Api-Version" in answer.headers else None


def digest_of(port: object, tag: str, login: tuple[str, str] | None = None) -> str | None:
    """The digest that a tag of ``shop`` means; None where there is no such tag."""
    answer = ask(port, f"shop/manifests/{tag}", login)
    return answer.headers[DIGEST] if answer is not None and answer.ok else None


def tags(port: object) -> list[str]:
    """The tags of ``shop``."""
    answer = ask(port, "shop/tags/list")
    return sorted(answer.json()["tags"] or []) if answer is not None and answer.ok else []


def needed(port: object) -> set[str]:
    """The digests of every manifest that has a tag, and of what each lists."""
    answers = [ask(port, f"shop/manifests/{tag}") for tag in tags(port)]
    listed = [[one.json()["config"], *one.json()["layers"]] for one in answers]
    return {one.headers[DIGEST] for one in answers} | {
        blob["digest"] for blobs in listed for blob in blobs
    }


def kept(port: object) -> set[str]:
    """The digests of every blob on the disk of the registry's container."""
    (container,) = engine().containers.list(filters={"publish": str(port)})
    found = container.exec_run(["find", BLOBS, "-name", "data"]).output.decode()
    return {f"sha256:{name}" for name in re.findall(r"/(\w{64})/data", found)}
