"""What the lab's checks say to somebody whose box is not there yet: nudge, step, near-solution."""

from __future__ import annotations

HINTS: dict[str, tuple[str, str, str]] = {
    "not wrecked": (
        "Nothing is as convincing as a wreck. Which command deletes everything below /?",
        "Wreck the box first; then ask it, and keep the whole answer.",
        'box.exec(parts.WRECK), and after it box.exec("ls /")',
    ),
    "not back": (
        "You kept its state before the wreck. What undoes what came after?",
        "The box has a method for it, which takes the name that you chose.",
        'box.rollback("good")',
    ),
    "no program": (
        "Did the program run when you kept the state?",
        "A machine's snapshot has its memory, and so its programs. Which did you load?",
        'service.rollback("good")',
    ),
    "another program": (
        "It need not be started. What does a machine's snapshot hold besides files?",
        "Programs are memory and registers. They come back with the machine.",
        'service.rollback("good"), and nothing after it',
    ),
    "nobody counts": (
        "`docker commit` made your snapshot. What does an image hold?",
        "Files, and no program that runs. Who starts one, after a rollback?",
        "site.exec(parts.background(parts.COUNT))",
    ),
    "no list": (
        "A list, in which each box is one of its own.",
        "`service.clone()` returns a box, and it runs.",
        "replicas = [service.clone() for _ in range({count})]",
    ),
    "no clone": (
        "A replica begins from the state of another box.",
        "Has it /sign, as `service` has?",
        "service.clone()",
    ),
    "silent": (
        "Each replica shall go on writing tokens, with a program that runs in it.",
        "A shell that ends takes its programs along, unless they run in the background.",
        "twin.exec(parts.background(parts.GENERATE))",
    ),
    "alike": (
        "The kernel of a clone gets fresh randomness. Who else has a generator?",
        "The program was seeded before it was cloned: its seed is in every copy of its memory.",
        'twin.exec("kill $(cat /pid); " + parts.background(parts.GENERATE))',
    ),
    "processors": (
        "A container may be given a part of a processor.",
        "Both kinds of box have the same option for it: `cpus`.",
        "Container(cpus=0.5, ...)",
    ),
    "memory": (
        "48 MiB are the most that the task allows.",
        "A size is a text with a unit, or a number of bytes.",
        'Container(cpus=0.5, memory="48M", ...)',
    ),
    "scratch": (
        "Its root shares the host's disk. What else can hold files, and has a size?",
        "A tmpfs is as large as you say: the option `tmpfs`, a dict, as Docker has it.",
        'Container(cpus=0.5, memory="48M", tmpfs={"/scratch": "size=8m"})',
    ),
    "share": (
        "How many processors did it get? Seconds of a processor, over seconds of the clock.",
        "`capped.usage().cpu` before and after says the first; the box has to be busy meanwhile.",
        "share = parts.cores(capped)",
    ),
    "inside": (
        "`free` speaks of the kernel's memory. Whose kernel is it?",
        "The cap stands in a file of the control group, which the container can read.",
        "inside = int(capped.exec(parts.MEMORY_CAP).stdout)",
    ),
    "killed": (
        "Let a command inside want more than it may have, and keep what `exec` returns.",
        "Killed by signal 9, a command has the exit code 128 + 9.",
        "killed = capped.exec(parts.HOG)",
    ),
    "no archive": (
        "It is a file of the host, that one could carry to another machine.",
        "`image.save()` of the SDK gives its bytes, piece by piece.",
        'archive.write_bytes(b"".join(image.save(named=True)))',
    ),
    "exported": (
        "`export` packs the files of a container, `save` an image. Which is this?",
        "To be loaded it has to be an image. How does a container become one?",
        'image = site.docker.commit("two-boxes/site"), then image.save()',
    ),
    "no sign": (
        "Whose image is this: the one that `site` began from?",
        "What `site` has changed is in its own layer until you commit it.",
        'image = site.docker.commit("two-boxes/site"), then image.save()',
    ),
    "raised": (
        "Call it yourself with a test of your own, and read the traceback from the bottom.",
        "It is given a test, which is a function of a box, and a box that runs.",
        'box.snapshot("clean"); return test(box); box.rollback("clean"), in a good order',
    ),
    "lost answer": (
        "Whoever calls `clean` wants to know what the test said.",
        "Return what `test(box)` returns, and tidy up nevertheless.",
        "try: return test(box)",
    ),
    "dirty": (
        "Look at the box after your function: is it as it was before?",
        "Keep the state before the test, and return to it after the test.",
        'box.snapshot("clean") first, and box.rollback("clean") last',
    ),
    "dirty after an error": (
        "A test that fails often raises. Which line of yours runs then?",
        "Python has a word for what happens in any case.",
        'try: return test(box)  finally: box.rollback("clean")',
    ),
}
