"""Values as text."""

from __future__ import annotations

import pytest

from course.measuring import units


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.00000051, "0.51 µs"),
        (0.0012, "1.2 ms"),
        (0.0996, "100 ms"),
        (0.2499, "250 ms"),
        (0.9996, "1.0 s"),
        (1.62, "1.6 s"),
        (-0.012, "-12 ms"),
        (93, "93 s"),
    ],
)
def test_a_time_has_the_unit_that_suits_it(value, said) -> None:
    assert units.seconds(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0 B"), (12, "12 B"), (5.1 * 2**20, "5.1 MiB"), (24 * 2**30, "24 GiB")]
)
def test_a_size_has_the_unit_that_suits_it(value, said) -> None:
    assert units.size(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0038, "0.0038"), (0.4, "0.40"), (9.99, "10"), (148.2, "148"), (1387, "1,390")],
)
def test_a_number_has_no_more_digits_than_it_deserves(value, said) -> None:
    assert units.number(value) == said


def test_a_value_stands_with_its_interval() -> None:
    assert units.with_interval((1.5, 1.2, 1.8)) == "1.5 [1.2, 1.8]"
    assert units.with_interval((2.0, 1.0, 3.0), mark=" ×") == "2.0 × [1.0, 3.0]"
    assert units.with_interval((2.8, 2.5, 3.1), units.seconds) == "2.8 s [2.5 s, 3.1 s]"
