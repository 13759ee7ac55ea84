"""Figures: what they say, that all of it is on the paper, and that they are quick."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure as Canvas
from PIL import Image

from course.measuring import Figure, drawing, figures, results, stats, units

MEDIANS = {"process": 0.0012, "container": 0.24, "docker run": 0.33, "vm booted": 1.6}
LEVELS = ["nothing", "its own", "the host's"]


def trials(rounds: int = 10) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    rows = [
        {"arm": arm, "round": number, "seconds": seconds, "phase ready": seconds * 0.8}
        for number in range(1, rounds + 1)
        for arm, median in MEDIANS.items()
        for seconds in [median * float(generator.lognormal(sigma=0.1))]
    ]
    return results.table(rows)


def race() -> Figure:
    return figures.race(trials(), baseline="docker run")


def timeline() -> Figure:
    return figures.timeline(trials())


def density() -> Figure:
    rows = [
        {"arm": arm, "boxes": boxes, "memory": boxes * each}
        for arm, each in {"container": 5 * 2**20, "vm booted": 180 * 2**20}.items()
        for boxes in range(1, 21)
    ]
    return figures.density(results.table(rows))


def heat_map() -> Figure:
    table = results.table([{"container": LEVELS[2], "vm": LEVELS[1]}, {"container": "nothing"}])
    table = table.fillna("nothing").set_axis(["kernel", "kernel log"])
    return figures.heat_map(table, LEVELS, "A container shares the kernel")


def ledger() -> Figure:
    rows = [
        {
            "topic": "boot time",
            "sentence": f"A claim that is {verdict} and long enough to need a second line of text",
            "verdict": verdict,
            "estimate": "262 ms [227 ms, 320 ms], recorded",
        }
        for verdict in figures.VERDICTS
    ]
    return figures.ledger(results.table(rows))


EVERY = [race, timeline, density, heat_map, ledger]


@pytest.mark.parametrize("make", EVERY)
def test_nothing_runs_off_the_paper(make: Callable[[], Figure], tmp_path) -> None:
    make().save(tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as image:
        pixels = np.asarray(image.convert("L"))
    edges = [pixels[:4], pixels[-4:], pixels[:, :4], pixels[:, -4:]]
    assert all((edge == 255).all() for edge in edges)
    assert (pixels < 100).any()


@pytest.mark.parametrize("make", EVERY)
def test_every_figure_names_machine_and_date_and_speaks(make: Callable[[], Figure]) -> None:
    figure = make()
    words = [text.get_text() for text in figure.canvas.texts]
    date = str(trials().attrs["date"])[:10]
    assert any(date in caption for caption in words)
    title = " ".join(figure.canvas.get_suptitle().split())
    assert figure.alt.startswith(title)
    assert len(figure.alt) > len(title) + 20


def test_the_title_and_the_label_of_a_race_say_the_same_number() -> None:
    # The quotient of the medians is 4.5, that of a typical round 9.
    seconds = {"fast": [1.0, 2.0, 4.0], "slow": [9.0, 8.0, 60.0]}
    rows = [
        {"arm": arm, "round": number, "order": 0, "seconds": one}
        for arm, all_of_it in seconds.items()
        for number, one in enumerate(all_of_it, 1)
    ]
    figure = figures.race(results.table(rows), baseline="fast")
    assert figure.alt.startswith("fast is first; slow takes 9.0 times as long")
    assert any(text.get_text().startswith("9.0 ×") for text in figure.canvas.axes[0].texts)


def test_the_notebook_gets_alt_text_and_a_picture() -> None:
    shown, notes = race()._repr_mimebundle_()
    assert 'alt="process is first' in shown["text/html"]
    assert shown["text/plain"] == notes["image/png"]["alt"]
    assert shown["image/png"] in shown["text/html"]


def test_alt_text_is_never_markup() -> None:
    frame = trials().replace({"arm": {"process": '"><script>'}})
    shown, _ = figures.race(frame)._repr_mimebundle_()
    assert "<script>" not in shown["text/html"]


def test_a_saved_figure_carries_its_alt_text(tmp_path) -> None:
    figure = race()
    figure.save(tmp_path / "race.png")
    with Image.open(tmp_path / "race.png") as image:
        assert image.text["Description"] == figure.alt
        assert image.width == drawing.WIDTH * drawing.DOTS


def test_recorded_results_are_called_so_in_the_caption() -> None:
    frame = trials()
    frame.attrs["tier"] = "recorded"
    captions = [text.get_text() for text in figures.race(frame).canvas.texts]
    assert any("recorded on" in caption for caption in captions)


def test_the_title_of_a_close_race_says_that_it_is_close() -> None:
    frame = trials()
    same = frame[frame["arm"] == "container"]
    close = pd.concat([same, same.assign(arm="docker run")])
    assert "too close to call" in figures.race(close).alt


@pytest.mark.parametrize(("rounds", "bar"), [(10, "95% interval"), (2, "range of 2 rounds")])
def test_the_bar_of_a_race_is_called_what_it_is(rounds: int, bar: str) -> None:
    [axes] = figures.race(trials(rounds)).canvas.axes
    assert axes.get_xlabel().endswith(f"bar: {bar}")


def test_memory_is_needed_and_not_waited_for() -> None:
    memory = trials().rename(columns={"seconds": "memory"})
    assert figures.race(memory, column="memory").alt.startswith("process needs least memory; vm")


def test_the_timeline_gives_each_phase_its_length() -> None:
    alt = timeline().alt
    median = stats.median(trials().query("arm == 'container'")["seconds"]).value
    assert f"ready {units.seconds(0.8 * median)}" in alt
    assert f"command {units.seconds(0.2 * median)}" in alt


def test_the_density_figure_extrapolates_with_an_interval() -> None:
    frame_total = results.host.facts()["memory"]
    held = units.number(frame_total / (180 * 2**20))
    assert f"180 MiB each [180 MiB, 180 MiB], {units.size(frame_total)}" in density().alt
    assert f"would hold {held} to {held}" in density().alt


def test_the_density_figure_can_be_drawn_from_its_first_count_on() -> None:
    def drawn(*counts: tuple[str, int]) -> str:
        rows = [{"arm": arm, "boxes": boxes, "memory": boxes * 2**22} for arm, boxes in counts]
        return figures.density(results.table(rows)).alt

    assert drawn(("vm", 1)) == "Memory, as boxes are added. vm: the first one."
    assert "vm: 4.0 MiB each" in drawn(("vm", 1), ("vm", 2))
    assert "container: the first one" in drawn(("vm", 1), ("vm", 2), ("container", 1))


def test_text_on_any_colour_of_the_palette_can_be_read() -> None:
    for shade in [*drawing.COLOURS.values(), drawing.OTHER]:
        for step in (0, 0.2, 0.4, 0.72):
            fill = drawing.tint(shade, step)
            assert contrast(fill, drawing.ink_on(fill)) >= 4.5


def contrast(one: object, other: object) -> float:
    """The ratio that WCAG 2 asks to be 4.5 or more."""
    light, dark = sorted((drawing.luminance(one), drawing.luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_a_hundred_thousand_trials_are_read_summarised_and_drawn_within_a_second(tmp_path) -> None:
    results.write(trials(25_000), tmp_path / "many.csv")
    race()  # fonts are found once
    began = time.process_time()  # what it costs, however busy the machine is
    frame = results.read(tmp_path / "many.csv")
    stats.summary(frame, baseline="docker run")
    stats.warnings(frame)
    figures.race(frame, baseline="docker run").save(io.BytesIO())
    assert time.process_time() - began <= 1


def test_memory_is_ticked_at_round_amounts_of_bytes() -> None:
    axes = Canvas().add_subplot()
    axes.plot([1.4 * 2**20, 210 * 2**20], [0, 1])
    drawing.logarithmic(axes, units.size)
    low, high = axes.get_xlim()
    shown = [
        label.get_text()
        for label in axes.get_xticklabels()
        if low <= label.get_position()[0] <= high
    ]
    assert shown
    assert all(re.fullmatch(r"\d+ (K|M|G)iB", text) for text in shown)
