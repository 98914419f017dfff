"""Label rows by periods, each with an activity and, optionally, the resident whose activity it is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from hearth.data.sources.encoded_rows import Annotation, Codes

# Bounds of a period that has no known begin or end.
EARLIEST, LATEST = -(2**62), 2**62


class Period(NamedTuple):
    """A period from `begin` up to and including `end`, on any scale of integers, such as milliseconds.

    The activity '' means that the period has one that is unknown. The resident '' stands for everybody.
    """

    begin: int
    end: int
    activity: str
    resident: str = ""


Active = tuple[Period, ...]  # the periods at one time, the last begun first
Segments = tuple[np.ndarray, list[Active]]  # see `_segments`


class LabelPeriods:
    """Annotates rows with the activities of the periods in which they lie.

    A period of a resident labels only this resident's rows, and rows without a resident, which get its resident, too.
    """

    def __init__(self, periods: Sequence[Period]):
        # Segments by resident: they include the periods that name no resident. The key None has all periods.
        self._segments_of: dict[str | None, Segments] = {
            resident: _segments([each for each in periods if resident is None or each.resident in (resident, "")])
            for resident in [None, "", *sorted({each.resident for each in periods})]
        }

    @property
    def residents(self) -> set[str]:
        """The residents that periods name."""
        return {resident for resident in self._segments_of if resident}

    def covers(self, at: np.ndarray) -> np.ndarray:
        """Return the mask of the places `at` that lie in a period with a known activity, of whatever resident."""
        bounds, segments = self._segments_of[None]
        is_labelled = np.array([any(each.activity for each in active) for active in segments])
        return is_labelled[np.searchsorted(bounds, at, side="right")]

    def encode(
        self,
        at: np.ndarray,
        codes: np.ndarray,
        residents: Sequence[tuple[str, ...]],
        annotations: Codes[Annotation],
    ) -> np.ndarray:
        """Return the code of each row's annotation, made of its residents and the activities at its place `at`.

        `codes` has the position of each row's residents in `residents`. New annotations are added to `annotations`.
        """
        encoded: np.ndarray = np.zeros(len(at), dtype=np.int32)
        for code, names in enumerate(residents):
            chosen = codes == code
            if not chosen.any():
                continue
            # A resident named in no period gets the periods that name no resident. A row without residents gets all.
            shared = self._segments_of[""]
            parts = [self._segments_of.get(name, shared) for name in names] or [self._segments_of[None]]
            positions = [np.searchsorted(bounds, at[chosen], side="right") for bounds, _ in parts]
            index = pd.MultiIndex.from_arrays(positions) if len(parts) > 1 else pd.Index(positions[0])
            local, distinct = pd.factorize(index)
            combined = []
            for places in distinct:
                places = places if isinstance(places, tuple) else (places,)
                active = [each for (_, every), place in zip(parts, places, strict=True) for each in every[place]]
                combined.append(_annotation(names, active))
            encoded[chosen] = annotations.encode(combined, local)
        return encoded


def _annotation(residents: tuple[str, ...], active: Sequence[Period]) -> Annotation:
    activities = tuple(dict.fromkeys(each.activity for each in active if each.activity))
    others = tuple(dict.fromkeys(each.resident for each in active if each.resident))
    return Annotation(residents or others, activities, is_lost=bool(active) and not activities)


def _segments(periods: Sequence[Period]) -> Segments:
    """Return a pair: the sorted places at which labels change, and the periods of each segment between them.

    The first segment is before the first place, and the last segment after the last place. Of several periods in a
    segment, the one that began last comes first.
    """
    bounds = sorted({each.begin for each in periods} | {each.end + 1 for each in periods})
    starting: dict[int, list[Period]] = {}
    for period in sorted(periods):
        starting.setdefault(period.begin, []).append(period)
    current: list[Period] = []
    segments: list[Active] = [()]
    for bound in bounds:
        current = [*reversed(starting.get(bound, [])), *(each for each in current if each.end >= bound)]
        segments.append(tuple(current))
    return np.array(bounds, dtype=np.int64), segments
