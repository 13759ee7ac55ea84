"""The tasks of the site's lab. The engine, the databases and the front door are asked."""

from __future__ import annotations

from urllib.parse import urlsplit

from docker.models.networks import Network
from requests import Response

from course.checks import Finding, Names, failed, not_attempted, passed, task
from course.engine import engine
from course.lessons import checking
from . import load
from .evidence import (
    figure,
    is_redis,
    last_words,
    members,
    output,
    published,
    redis,
    running,
    status,
)

FEWEST_PAGES, FEWEST_VISITS, REPLICAS = 12, 200, 3
CRAMPED = 2048  # kilobytes
KILLED = 137  # 128 + 9, the number of SIGKILL


@task("database", "In `network` a Redis runs that others find as `database`, nobody else does", 1)
def database(names: Names) -> Finding:
    network = names["network"]
    if not isinstance(network, Network) or network.name == "bridge":
        return failed(
            "`network` is no network of your own",
            "The network `bridge` is there already. What does it lack?",
            "Names are known in a network that you have made.",
            'network = docker.networks.create("two-boxes-lab", labels=mine)',
        )
    example = "docker.networks.create(…, labels=mine)"
    if (wrong := checking.left_behind("network", network.attrs["Labels"], example)) is not None:
        return wrong
    found = members(network, "database")
    if not found:
        return failed(
            "nobody in the network is found as `database`",
            "Under which name did you start it? Container ids are no names.",
            "An alias is a name that holds in one network.",
            'start(network, "database", package_image("redis"), DATABASE)',
        )
    return _well(found[0])


def _well(container: dict) -> Finding:
    if not container["State"]["Running"]:
        return failed(
            f"it has ended: {last_words(container)[:120]}",
            "Look at the container's `logs()`.",
            "Is its command the one that was given?",
            'start(network, "database", package_image("redis"), DATABASE)',
        )
    if doors := published(container):
        return failed(
            f"the database is published at {', '.join(sorted(doors))}",
            "Who is to reach it, and from where?",
            "Inside a network, no port needs to be published.",
            "Leave `ports=` out.",
        )
    if not is_redis(container):
        return failed(
            "it runs, and does not answer PING",
            "Which program runs in it? Look at the container's `logs()`.",
            'The image with Redis is package_image("redis"), and its command is `DATABASE`.',
            'start(network, "database", package_image("redis"), DATABASE)',
        )
    if "yes" in redis(container, "CONFIG", "GET", "protected-mode"):
        return failed(
            "it refuses everybody but itself",
            "What does it write to a visitor from another container?",
            "Redis protects itself until it is told that its network is trusted.",
            "Give it the command `DATABASE`.",
        )
    return passed("found as `database`, with no door to the outside")


@task("front-door", "A visit to `url` is counted, and only this machine can come in", 2)
def front_door(names: Names) -> Finding:
    url, network = names["url"], names["network"]
    answer = status(url)
    if answer is None:
        return failed(
            f"nobody answers at {url}",
            "Does the front end still run? What do its `logs()` say?",
            "nginx ends when it cannot find the name `service`. Start the service first.",
            'front.reload(), and then front.ports["80/tcp"][0]["HostPort"] is the port',
        )
    if answer in (502, 504):
        return failed(
            "the front end answers, and finds no service behind it",
            "Does the service run, in the same network, and does it listen?",
            "nginx asked for the address of `service` when it started. Is it the same still?",
            "Start the front end again, or run `nginx -c /nginx.conf -s reload` in it.",
        )
    found = engine().api.containers(filters={"publish": str(urlsplit(str(url)).port)})
    addresses = {port.get("IP", "") for one in found for port in one["Ports"]} - {""}
    if addresses != {"127.0.0.1"}:
        return failed(
            f"the door is open at {', '.join(sorted(addresses)) or 'no published port'}",
            "Who else is in your network, at home or in a café?",
            "A port alone is published at every address of the machine.",
            'ports={"80/tcp": ("127.0.0.1", None)}',
        )
    return _counted(network)


def _counted(network: object) -> Finding:
    store = running(network, "database")
    visits = redis(store, "GET", "visits") if store else ""
    if not visits:
        return failed(
            "the way in is open, and no visit has been counted",
            "Has anybody visited yet?",
            "The service sends `INCR visits` to `database`. Does it find that name?",
            "web.get(url).text",
        )
    return passed(f"{visits} visits so far")


@task("data-stays", "The database is on a volume, and knows visits it has not counted itself", 3)
def data_stays(names: Names) -> Finding:
    store = running(names["network"], "database")
    if store is None or not store["Mounts"]:
        return not_attempted("no database that runs has a volume")
    folder = redis(store, "CONFIG", "GET", "dir").splitlines()[-1]
    mount = next((one for one in store["Mounts"] if one["Destination"] == folder), None)
    if mount is None or mount["Type"] != "volume":
        return failed(
            f"the database writes to {folder}, and there is no volume",
            "In which folder does `DATABASE` tell it to keep its files?",
            "A volume is made by `docker.volumes.create`. A folder of the machine is none.",
            'volumes={volume.name: {"bind": "/mnt", "mode": "rw"}}',
        )
    counted = figure(redis(store, "INFO", "commandstats"), r"incr:calls=(\d+)")
    known = int(redis(store, "GET", "visits") or 0)
    if known <= counted:
        return failed(
            f"{known} visits, all of them counted by this very container",
            "Would they survive it? You have not tried yet.",
            "Remove the container now, and start another one on the same volume.",
            "database.remove(force=True), and then start(…, volumes=keep) again",
        )
    return passed(f"{known} visits, of which {known - counted} are older than the container")


@task("three-replicas", "Three replicas of the service counted the visitors in `pages`", 5)
def three_replicas(names: Names) -> Finding:
    pages = names["pages"]
    if not isinstance(pages, list) or len(pages) < FEWEST_PAGES:
        return failed(
            f"`pages` holds fewer than {FEWEST_PAGES} pages",
            "A single visit meets a single replica.",
            "Make a list of what several visits return.",
            "pages = [web.get(url).text for _ in range(200)]",
        )
    replicas = {one["Id"][:12] for one in members(names["network"], "service")}
    if len(replicas) < REPLICAS:
        return failed(
            f"{len(replicas)} replicas are found as `service`",
            "Which name did you give the new ones?",
            "Replicas share one alias; DNS answers with the addresses of all.",
            'start(network, "service", package_image("python"), SERVICE)',
        )
    met = replicas & set(load.counters(pages))
    if len(met) < REPLICAS:
        return failed(
            f"of {len(replicas)} replicas, {len(met)} had visitors",
            "nginx asked the DNS when it started. Who was there at that time?",
            "Wait until each replica listens, tell nginx to look again, and give it a moment.",
            'front.exec_run("nginx -c /nginx.conf -s reload"), and a second later visit again',
        )
    return passed(f"{len(pages)} visitors, counted by {len(met)} replicas")


@task("killed", "A replica was killed under load, and no visitor noticed", 5)
def killed(names: Names) -> Finding:
    kept = names["answers"]
    answers = [one for one in kept if isinstance(one, Response)] if isinstance(kept, list) else []
    if len(answers) < FEWEST_VISITS:
        return failed(
            f"`answers` holds fewer than {FEWEST_VISITS} answers",
            "Without a load, nobody is there to notice.",
            "Keep in a list all that `requests.get` returns to each visitor, not the status alone.",
            "answers = [visit.result() for visit in coming]",
        )
    ended = [one for one in members(names["network"], "service") if not one["State"]["Running"]]
    dead = {one["Id"][:12] for one in ended if one["State"]["ExitCode"] == KILLED}
    if not dead:
        return failed(
            "no replica has ended with exit code 137",
            "Was one killed at all? And is its container still there to tell?",
            "`kill()` ends a container and leaves it; `remove()` takes it away.",
            "replicas[0].kill(), while the visitors come",
        )
    return load.judged(answers, dead)


@task("full-volume", "`cramped` has refused a write on its small volume, and accepts them again", 4)
def full_volume(names: Names) -> Finding:
    store = running(names["network"], "cramped")
    if store is None:
        return not_attempted("nobody runs under the name `cramped`")
    folder = redis(store, "CONFIG", "GET", "dir").splitlines()[-1]
    size = int(output(store, "df", "-k", folder).splitlines()[-1].split()[1])
    if size > CRAMPED:
        return failed(
            f"its volume has room for {size // 1024} MB",
            "How long would you like to write until that is full?",
            "A volume of the driver `local` can be a tmpfs with a size.",
            'driver_opts={"type": "tmpfs", "device": "tmpfs", "o": "size=2m"}',
        )
    if not figure(redis(store, "INFO", "errorstats"), r"errorstat_MISCONF:count=(\d+)"):
        return failed(
            "it has refused nothing yet",
            "How much have you written, and how much is there room for?",
            "Write values of nearly a megabyte until the answer is no longer OK.",
            'cramped.exec_run(["sh", "-c", "head -c 900000 /dev/zero | redis-cli -x SET photo:1"])',
        )
    if "aof_last_write_status:ok" not in redis(store, "INFO", "persistence"):
        return failed(
            "it still refuses to write",
            "What fills the volume: the data, or the file of all commands?",
            "The file has to be written anew, and shorter. That needs room: try more than once.",
            'cramped.exec_run(["redis-cli", "BGREWRITEAOF"]), and another write; again until OK',
        )
    return passed(f"{size} kB were too few, and are enough again")
