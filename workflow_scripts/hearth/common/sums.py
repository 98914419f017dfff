"""Add numbers of which some may not be known."""

from collections.abc import Iterable
from typing import TypeVar

Number = TypeVar("Number", int, float)


def sum_if_known(values: Iterable[Number | None]) -> Number | None:
    """Return the sum of `values`; None if any of them is None."""
    total = None
    for value in values:
        if value is None:
            return None
        total = value if total is None else total + value
    return total or 0
