"""Test the words after the state of CASAS lines: misspelled and doubled marks, and what is left as it is."""

import pytest
from hearth.data.sources.casas_annotations import mend_mark, parse_annotation
from hearth.data.sources.encoded_rows import Annotation

KNOWN = {"Work", "Bed to toilet", "Wash end", "eat begun"}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Work begub", "Work begin"),
        ("Work Begin begin", "Work Begin"),
        ("Work end end", "Work end"),
        ("R1_Work begub", "R1_Work begin"),
        ("R2 Work ennd", "R2 Work end"),
        ("Bed to toilet beign", "Bed to toilet begin"),
    ],
)
def test_a_misspelled_or_doubled_mark_is_read_as_it_is_meant(text, meant):
    assert mend_mark(text.split(), KNOWN) == meant.split()


@pytest.mark.parametrize(
    "text",
    [
        "Work begin",
        "Work end begin",
        "Work",
        "begin begin",
        "Dance begub",
        "Work bed",
        "Work 2",
        "Wash end",
        "eat begun",
    ],
)
def test_other_words_stay(text):
    assert mend_mark(text.split(), KNOWN) == text.split()


@pytest.mark.parametrize(
    ("text", "residents", "activities", "mark"),
    [
        ('Step_Out="begin"', (), ("Step_Out",), "begin"),
        ('r1.Work="end"', ("r1",), ("Work",), "end"),
        ("Night wandering end", (), ("Night wandering",), "end"),
        ("R1 work in office begin", ("R1",), ("work in office",), "begin"),
        ("Bed to toilet", (), ("Bed to toilet",), ""),
    ],
)
def test_residents_activities_and_marks_are_told_apart(text, residents, activities, mark):
    assert parse_annotation(text.split(), KNOWN) == (Annotation(residents, activities), mark)
