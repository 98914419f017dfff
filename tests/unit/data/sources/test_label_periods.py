"""Test that rows get the activities and residents of the periods in which they lie, by a search of all periods."""

import numpy as np
from hearth.data.sources.encoded_rows import Annotation, Codes
from hearth.data.sources.label_periods import EARLIEST, LATEST, LabelPeriods, Period
from hypothesis import given
from hypothesis import strategies as st

RESIDENTS = ["", "Ann", "Ben"]
place = st.integers(0, 12)
spans = st.tuples(place, place).map(sorted) | st.sampled_from([(EARLIEST, 3), (9, LATEST)])
periods = st.builds(
    lambda span, what, who: Period(*span, what, who),
    spans,
    st.sampled_from(["", "tea", "nap"]),
    st.sampled_from(RESIDENTS),
)
rows = st.lists(st.tuples(place, st.sampled_from([(), ("Ann",), ("Ben",), ("Carl",), ("Ann", "Ben")])), max_size=8)


def search(every, at, names):
    """Return the activities, the residents and whether the activity is lost, by looking at each period."""
    known = {each.resident for each in every}
    heard = {name if name in known else "" for name in names}
    inside = [each for each in every if each.begin <= at <= each.end and (not names or each.resident in heard | {""})]
    activities = {each.activity for each in inside} - {""}
    return activities, set(names) or {each.resident for each in inside} - {""}, bool(inside) and not activities


@given(st.lists(periods, max_size=8), rows)
def test_a_row_gets_what_a_search_of_all_periods_finds(every, rows):
    residents = [names for _, names in rows]
    annotations: Codes[Annotation] = Codes()
    labelled = LabelPeriods(every)
    at = np.array([at for at, _ in rows], dtype=np.int64)
    codes = labelled.encode(at, np.arange(len(rows)), residents, annotations)
    for (at_row, names), code in zip(rows, codes, strict=True):
        found = annotations.values[code]
        assert (set(found.activities), set(found.residents), found.is_lost) == search(every, at_row, names)
    assert labelled.covers(at).tolist() == [
        any(each.activity and each.begin <= at_row <= each.end for each in every) for at_row in at
    ]


def test_the_period_that_began_last_comes_first():
    annotations: Codes[Annotation] = Codes()
    every = [Period(0, 9, "tea"), Period(4, 6, "nap", "Ann"), Period(2, 9, "bath")]
    codes = LabelPeriods(every).encode(np.array([5, 8]), np.array([0, 0]), [()], annotations)
    assert [annotations.values[code].activities for code in codes] == [("nap", "bath", "tea"), ("bath", "tea")]
