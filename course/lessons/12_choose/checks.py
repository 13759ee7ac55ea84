"""The tasks of the capstone: one site in two boxes, looked at as its visitors do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from course.boxes import Container, VirtualMachine
from course.checks import Finding, Names, failed, not_attempted, passed, task
from course.lessons import checking
from course.measuring import Estimate
from . import looks, needed
from .looks import Judged
from .report import BOXES, Evidence, Report

BOTH = ("container", "machine")
FEWEST_ROUNDS, FEWEST_DEPLOYS, FEWEST_REASONS, FEWEST_WORDS = 6, 2, 3, 5
PLAUSIBLE = (2**20, 2**32)  # bytes of memory: from one megabyte to four gigabytes


@task("container", "`container` serves release 1 of the guest book, its database on a volume", 3)
def container(names: Names) -> Finding:
    box = names["container"]
    return checking.first(
        lambda: checking.no_box("container", box, Container, "Container(first, network=True, …)"),
        lambda: looks.on_volume(box),
        lambda: looks.serves("container", box, 1),
        lambda: passed("release 1 answers, and its database is on a volume"),
    )


@task("machine", "`machine` serves release 1 of the guest book from its own disk", 3)
def machine(names: Names) -> Finding:
    box, example = names["machine"], 'VirtualMachine("tiny", disk=disk, network=True, …)'
    return checking.first(
        lambda: checking.no_box("machine", box, VirtualMachine, example),
        lambda: looks.on_disk(box),
        lambda: looks.serves("machine", box, 1),
        lambda: passed("release 1 answers from a disk of its own"),
    )


@task("update", "both serve release 2, and know who signed under release 1", 3)
def update(names: Names) -> Finding:
    boxes = {name: names[name] for name in BOTH}
    if all(looks.release(box) == 1 for box in boxes.values()):
        return not_attempted("both still serve release 1")
    asks = [
        ask
        for name, box in boxes.items()
        for ask in (partial(looks.serves, name, box, 2), partial(looks.remembers, name, box))
    ]
    return checking.first(*asks, lambda: passed("release 2 in both, and no signature is lost"))


@task("roll-back", "both serve release 1 again; `lost` says how many signatures it cost each", 3)
def roll_back(names: Names) -> Finding:
    signed, lost = names["signed"], names["lost"]
    asks = [partial(_signed, signed)]
    for name in BOTH:
        box = names[name]
        asks.append(partial(looks.serves, name, box, 1))
        asks.append(partial(looks.counted, name, box, signed, lost))
    said = (f"{name}: {lost[name]} of {len(signed)} lost" for name in BOTH)
    return checking.first(*asks, lambda: passed("; ".join(said)))


@task("restore", "both are gone, and `restored` serves in new boxes what `backups` holds", 3)
def restore(names: Names) -> Finding:
    backups, restored = names["backups"], names["restored"]
    asks = []
    for name in BOTH:
        old, new = names[name], restored.get(name) if isinstance(restored, Mapping) else None
        asks.append(partial(looks.holds, name, backups))
        asks.append(partial(looks.gone, name, old))
        asks.append(partial(looks.is_new, name, old, new))
        asks.append(partial(looks.serves, name, new, 1))
        asks.append(partial(looks.same, name, new, backups))
    done = passed("two disasters, two new boxes, and every signature of the backups")
    return checking.first(*asks, lambda: done)


@task("measure", "`visits`, `deploys` and `memory` say what each box takes for the same site", 3)
def measure(names: Names) -> Finding:
    visits, deploys, memory = names["visits"], names["deploys"], names["memory"]
    return checking.first(
        lambda: _measured("visits", visits, FEWEST_ROUNDS),
        lambda: _measured("deploys", deploys, FEWEST_DEPLOYS),
        lambda: _weighed(memory),
        lambda: passed("time to deploy, time of a visit, memory: for both"),
    )


@task("needs", "`mine` weighs what the guest book needs; `tips` would change the choice", 2, 5)
def needs(names: Names) -> Finding:
    return needed.judged(names["mine"], names)


@task("report", "`report` has a choice, three pieces of evidence, and what would change it", 3, 5)
def report(names: Names) -> Finding:
    found = names["report"]
    if not isinstance(found, Report):
        return failed(
            f"`report` is a {type(found).__name__}",
            "The lesson brings a form for it.",
            "`reports.Report` has four parts: question, choice, because, unless.",
            'reports.Report("Where …?", "container", because=[…], unless="…")',
        )
    return checking.first(
        lambda: _chosen(found),
        lambda: _proved(found),
        lambda: _open_minded(found),
        lambda: passed(f"{found.choice}, because of {len(found.because)} measured things"),
    )


def _signed(signed: list[str]) -> Judged:
    if len(signed) >= 2 and len(set(signed)) == len(signed):
        return None
    return failed(
        f"`signed` has {len(signed)} names, {len(set(signed))} of them different",
        "What was written after the update is what a way back may cost.",
        "Two different names or more, each signed in both books while they serve release 2.",
        'signed = ["Dan", "Eve"]; for name in signed: site.sign(site.url(container), name)',
    )


def _measured(name: str, frame: object, fewest: int) -> Judged:
    rounds = dict.fromkeys(BOTH, 0)
    if hasattr(frame, "groupby") and {"arm", "seconds"} <= set(frame):
        rounds |= frame.groupby("arm")["seconds"].count().to_dict()
    if all(rounds[arm] >= fewest for arm in BOTH):
        return None
    return failed(
        f"`{name}` has {rounds['container']} trials of container, {rounds['machine']} of machine",
        "Both have to be measured in the same way, in turns.",
        f"`measure` with the two arms, {fewest} rounds or more; the arms are called as here.",
        f'{name} = measure({{"container": …, "machine": …}}, rounds={fewest})',
    )


def _weighed(memory: object) -> Judged:
    found = memory if isinstance(memory, Mapping) else {}
    low, high = PLAUSIBLE
    if all(isinstance(found.get(name), int) and low < found[name] < high for name in BOTH):
        return None
    return failed(
        f"`memory` is {memory!r}",
        "How many bytes does each box cost its host, all its processes together?",
        "`box.usage().memory` says it, in bytes.",
        "memory = {name: box.usage().memory for name, box in restored.items()}",
    )


def _chosen(found: object) -> Judged:
    if found.choice in BOXES and len(found.question.split()) >= FEWEST_WORDS:
        return None
    return failed(
        f"choice {found.choice!r}, for the question {found.question!r}",
        "A decision says what was asked, in a sentence, and takes one of the boxes.",
        f"The choices are: {', '.join(BOXES)}.",
        'reports.Report("Where shall the guest book of my club live?", "container", …)',
    )


def _proved(found: object) -> Judged:
    sound = {
        one.sentence
        for one in found.because
        if isinstance(one, Evidence) and one.sentence
        if isinstance(one.estimate, Estimate)
        if one.estimate.low <= one.estimate.value <= one.estimate.high
    }
    if len(sound) >= FEWEST_REASONS:
        return None
    return failed(
        f"{len(sound)} different pieces of evidence have an estimate with its interval",
        f"{FEWEST_REASONS} are asked for. A number without an interval is an anecdote.",
        "`stats.ratio(visits, …)` has an interval, and so has every claim of the ledger.",
        'reports.from_ledger("container_is_light"), reports.Evidence("…", stats.ratio(…))',
    )


def _open_minded(found: object) -> Judged:
    if len(found.unless.split()) >= FEWEST_WORDS:
        return None
    return failed(
        f"what would change your mind: {found.unless!r}",
        "Which measurement, or which new need, would make you choose otherwise?",
        "`tips` of task 7 is such a change. Say in a sentence when it would come true.",
        'unless="If strangers may run programs in it, I want a kernel between them and me."',
    )
