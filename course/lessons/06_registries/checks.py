"""The tasks of the registry lab. Each asks the registry itself, by HTTP, and the engine."""

from __future__ import annotations

from course.checks import Finding, Names, failed, not_attempted, passed, task
from course.engine import engine
from course.lessons import checking
from . import naming
from .registry import EMPTY_LAYER, ask, digest_of, kept, needed, tags


def silent(name: str, port: object) -> Finding:
    """What to say when no registry answers."""
    return failed(
        f"no registry answers at 127.0.0.1:{port}",
        "Does its container still run? `docker.containers.list()` shows those that do.",
        "What did the server say? Look at the container's `logs()`.",
        f'`ports={{"5000/tcp": ("127.0.0.1", {name})}}` publishes the server\'s port 5000.',
    )


@task("run-it", "At `port` on 127.0.0.1 a registry answers, which only this machine can reach", 1)
def run_it(names: Names) -> Finding:
    port = names["port"]
    answer = ask(port, "")
    if answer is None:
        return silent("port", port)
    if not answer.ok:
        return failed(
            f"the registry answers with {answer.status_code}",
            "This first one is to be open: the lock comes in task 5.",
            "Start it with `CONFIG` as it is.",
            'environment={"CONFIG": CONFIG}',
        )
    found = engine().api.containers(filters={"publish": str(port)})
    return _kept_private(found[0], port) if found else silent("port", port)


def _kept_private(container: dict, port: object) -> Finding:
    addresses = {one.get("IP", "") for one in container["Ports"] if one.get("PublicPort")}
    if addresses != {"127.0.0.1"}:
        return failed(
            f"the port is open at {', '.join(sorted(addresses))}: on every network of this machine",
            "Who else could push to it, in a train or in a café?",
            "A port alone is published at every address. Say the address too.",
            'ports={"5000/tcp": ("127.0.0.1", port)}',
        )
    example = "docker.containers.run(…, labels=mine)"
    wrong = checking.left_behind("container", container["Labels"], example)
    return passed(f"a registry, at 127.0.0.1:{port} and nowhere else") if wrong is None else wrong


@task("by-hand", "`digest` is the digest of `shop:1.0` in your registry", 1, 3)
def by_hand(names: Names) -> Finding:
    port = names["port"]
    right = digest_of(port, "1.0")
    if right is None and not names.get("digest"):
        return not_attempted(f"no shop:1.0 in the registry; it has {tags(port)}")
    if right is None:
        return failed(
            f"`digest` has a value, but the registry has no shop:1.0; it has {tags(port)}",
            "What did `push` say? And which images has your engine?",
            "The name of an image says where it is pushed to.",
            'build(f"127.0.0.1:{port}/shop:1.0", "1.0"), and then push the same name.',
        )
    digest = str(names["digest"])
    if digest == right:
        return passed(digest)
    return naming.wrong_digest(digest, right, ask(port, "shop/manifests/1.0").json())


@task("names", "`parts(name)` reads any image name as the engine does", 4)
def names_of_images(names: Names) -> Finding:
    return naming.judged(names["parts"])


@task("take-it-back", "`latest` means the same image as `1.0`", 3)
def take_it_back(names: Names) -> Finding:
    port = names["port"]
    good, bad, latest = (digest_of(port, tag) for tag in ("1.0", "2.0", "latest"))
    if good is None:
        return not_attempted(f"the registry has {tags(port) or 'no tags'}")
    if not _in_engine(port, "2.0"):
        return not_attempted("there was no bad release yet: call `bad_release(port)`")
    if latest == good:
        return passed(f"`latest` and `1.0` are both {good[:19]}…")
    if latest is None:
        return failed(
            "nobody finds `latest` any more",
            "A tag that is gone breaks every machine that pulls it. Who still has the image?",
            "Put the good image under that tag again.",
            'push(f"127.0.0.1:{port}/shop:latest"), after you tagged the image of 1.0 so',
        )
    if latest == bad:
        return failed(
            "`latest` still means 2.0",
            "What makes a tag mean another image?",
            "Push the image of 1.0 under the name that ends in `:latest`.",
            'docker.images.get(f"127.0.0.1:{port}/shop:1.0").tag(f"127.0.0.1:{port}/shop", '
            '"latest"), then push it.',
        )
    return failed(
        "`latest` is neither 1.0 nor 2.0",
        "Did you build again? What is built anew has a digest of its own.",
        "Do not build. Give the image that is there another tag.",
        'docker.images.get(f"127.0.0.1:{port}/shop:1.0").tag(f"127.0.0.1:{port}/shop", "latest")',
    )


@task("lock-it", "At `locked` a registry lets in only `login`, and has the same `shop:1.0`", 5)
def lock_it(names: Names) -> Finding:
    locked, login = names["locked"], names["login"]
    stranger = ask(locked, "")
    if stranger is None:
        return silent("locked", locked)
    if stranger.ok:
        return failed(
            "a stranger is let in",
            "Does this registry's configuration speak of `auth`?",
            "Add `auth: {htpasswd: {realm: shop, path: /users}}` as a line of its own.",
            'f"{CONFIG}\\nauth: {{htpasswd: {{realm: shop, path: /users}}}}"',
        )
    if not (isinstance(login, tuple) and len(login) == 2):
        return failed(
            "`login` is no pair",
            "Who is to be let in, and with which password?",
            "A pair is written in round brackets, with a comma.",
            'login = ("somebody", "a password")',
        )
    if not ask(locked, "", login).ok:
        return failed(
            "a stranger is refused, and so is `login`",
            "Which users does the file know, and in which form does it keep their passwords?",
            "This registry reads bcrypt hashes only: `htpasswd -B`.",
            'htpasswd -Bbc /users "$NAME" "$PASSWORD"',
        )
    return _same_image(names["port"], locked, login)


def _same_image(port: object, locked: object, login: tuple[str, str]) -> Finding:
    there = digest_of(locked, "1.0", login)
    if there is None:
        return failed(
            "the lock works, and shop:1.0 is not behind it",
            "Where does an image's name say that it is pushed to?",
            "Give the image a second name, one that begins with the second registry.",
            'push(f"127.0.0.1:{locked}/shop:1.0", {"username": login[0], "password": login[1]})',
        )
    if there != digest_of(port, "1.0"):
        return failed(
            "another image is behind the lock",
            "Did you build again? What is built anew has a digest of its own.",
            "Do not build. Give the image that you have a second name, and push that.",
            'docker.images.get(…).tag(f"127.0.0.1:{locked}/shop", "1.0")',
        )
    return passed(f"strangers get 401, and shop:1.0 is {there[:19]}… in both")


@task("pipeline", "3.0 passed the pipeline and runs; 3.1 was built and never pushed", 5)
def pipeline(names: Names) -> Finding:
    port = names["port"]
    built = {version: _in_engine(port, version) for version in ("3.0", "3.1")}
    if not any(built.values()):
        return not_attempted("neither 3.0 nor 3.1 has been built")
    if not all(built.values()):
        missing = next(version for version, there in built.items() if not there)
        return failed(
            f"{missing} has not been built",
            "A pipeline shows what it is worth with a bad version and with a good one.",
            f"Call it for {missing} as well.",
            'pipeline("3.0", DOCKERFILE), pipeline("3.1", BROKEN)',
        )
    if "3.1" in tags(port):
        return failed(
            "the broken 3.1 is in the registry",
            "Which step has to come before the push?",
            "Compare `visit(image)` with (200, f'shop {version}'), and return where they differ.",
            "Then take 3.1 out: delete its manifest, as in task 7, or start a new registry.",
        )
    digest = digest_of(port, "3.0")
    if digest is None:
        return failed(
            "3.0 was built and not pushed",
            "Did the test let it pass? What does `visit` return for it?",
            "The page ends with a line break; `visit` has taken it off.",
            "if visit(image) == (200, f'shop {version}'): push(name)",
        )
    if not _runs(f"127.0.0.1:{port}/shop@{digest}"):
        return failed(
            "3.0 is in the registry, and no container runs it",
            "What is left to do when the image has been pushed?",
            "The last step of a pipeline is to deploy what was pushed.",
            "docker.containers.run(docker.images.pull(name), labels=mine, detach=True)",
        )
    return passed(f"3.0 runs as {digest[:19]}…, and 3.1 stayed here")


def _in_engine(port: object, version: str) -> bool:
    return bool(engine().api.images(f"127.0.0.1:{port}/shop:{version}"))


def _runs(reference: str) -> bool:
    images = {one["Id"]: one["RepoDigests"] or [] for one in engine().api.images()}
    running = engine().api.containers()
    return any(reference in images.get(one["ImageID"], []) for one in running)


@task("free-space", "2.0 is gone, its blobs too, and 1.0 is whole", 1)
def free_space(names: Names) -> Finding:
    port = names["port"]
    if not _in_engine(port, "2.0") or digest_of(port, "2.0"):
        return not_attempted(
            f"the registry has {tags(port) or 'no tags'}",
            "GET reads a manifest, PUT stores one. Which method of HTTP removes it?",
            "The registry removes what a digest names, and refuses a tag. What is 2.0's digest?",
            'web.delete(f"http://127.0.0.1:{port}/v2/shop/manifests/{digest}")',
        )
    if digest_of(port, "1.0") is None:
        return failed(
            "1.0 is gone",
            "Only 2.0 is to go. Did both tags mean the same manifest?",
            "Your engine has the image still.",
            'push(f"127.0.0.1:{port}/shop:1.0")',
        )
    wanted, there = needed(port), kept(port)
    if missing := wanted - there:
        return failed(
            f"{len(missing)} blobs of images with a tag are lost",
            "Nobody but the collection should take blobs away.",
            "A push sends what is missing.",
            'push(f"127.0.0.1:{port}/shop:1.0")',
        )
    if garbage := there - wanted - {EMPTY_LAYER}:
        return failed(
            f"2.0 is unknown, and {len(garbage)} blobs that no tag leads to are still on the disk",
            "A manifest that is deleted takes no layer with it: another image might need it.",
            "The program in the container has a command for it: `docker-registry --help`.",
            'registry.exec_run("docker-registry garbage-collect --delete-untagged /config.yml")',
        )
    return passed(f"{len(there)} blobs on the disk, and each belongs to an image")
