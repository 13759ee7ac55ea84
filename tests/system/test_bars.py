"""A bar while it runs and after it, in a terminal and in a notebook."""

from __future__ import annotations

import IPython.display
import pytest

from course.system import Bar, bars


class Output:
    """An output of a cell, and all that it showed."""

    def __init__(self, shown: dict[str, str]) -> None:
        self.texts = [shown["text/plain"]]

    def update(self, shown: dict[str, str], raw: bool) -> None:
        assert raw
        self.texts.append(shown["text/plain"])


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> list[Output]:
    """Those of a notebook."""
    made: list[Output] = []

    def display(shown: dict[str, str], raw: bool, display_id: bool) -> Output:
        assert raw
        assert display_id
        made.append(Output(shown))
        return made[-1]

    monkeypatch.setattr(bars, "_in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", display)
    return made


def test_in_a_notebook_a_bar_that_ends_early_or_in_an_error_ends_empty(
    outputs: list[Output], capfd: pytest.CaptureFixture[str]
) -> None:
    with Bar(total=4, desc="measuring") as bar:
        bar.update(2)
        bar.refresh()
    with pytest.raises(KeyboardInterrupt), Bar(total=4):
        raise KeyboardInterrupt
    first, second = outputs
    assert any("measuring:  50%|█" in text for text in first.texts)
    assert first.texts[-1] == second.texts[-1] == ""
    assert capfd.readouterr() == ("", "")


def test_where_bars_are_switched_off_there_is_no_output(
    outputs: list[Output], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Bar(total=4, disable=True) as bar:
        bar.update(4)
    assert outputs == []


def test_in_a_terminal_its_line_is_wiped(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in Bar(range(3), desc="goals"):
        pass
    said = capfd.readouterr().err
    assert "goals:   0%" in said
    assert "\n" not in said
    assert not said.rpartition("\r")[2].strip()
