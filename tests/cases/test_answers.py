"""Check what lenient parsing reads of the 46 forms of answers in shared/cases/public/d-json."""

import json
import sys

import pytest
from case_scripts import run_part
from cases_folder import CASES, needs_cases
from hearth.prompting.parsing import parse, parse_leniently
from hearth.prompting.prompts import answer_text

pytestmark = needs_cases
SCRIPT = CASES / "public" / "d-json" / "try_all.py"
# Forms of which the script leaves open what a person reads: events 0 and 1 are the first and second or unknown, and a
# draft inside a thought that never ends is no answer.
OPEN = {
    "ids from 0": ([None, None], ["COOKING", "WATCHING_TV"]),
    "<thinking> tags unclosed w/ draft": ([None, None],),
}
FORMS = 46


def read_forms():
    names = {"json": json, "sys": sys, "answer_text": answer_text}
    values = run_part(SCRIPT, "L=(", "for n,(t,want)", names)
    return values["L"], values["cases"]


LABELS, FORM_CASES = read_forms() if SCRIPT.is_file() else ((), {})


@pytest.mark.parametrize("form", FORM_CASES)
def test_lenient_parsing_reads_what_a_person_reads(form):
    text, wanted = FORM_CASES[form]
    allowed = OPEN[form] if wanted == "?" else (wanted,)
    assert parse_leniently(text, 2, LABELS, "stop").labels in allowed


@pytest.mark.parametrize("form", FORM_CASES)
def test_strict_parsing_reads_no_label_that_is_not_the_answer(form):
    text, wanted = FORM_CASES[form]
    allowed = OPEN[form] if wanted == "?" else (wanted,)
    labels = parse(text, 2, LABELS, "stop").labels
    assert any(all(label in (None, right) for label, right in zip(labels, each, strict=True)) for each in allowed)


def test_every_form_of_the_script_is_tried():
    assert len(FORM_CASES) >= FORMS - 1
    assert {form for form, (_, wanted) in FORM_CASES.items() if wanted == "?"} == OPEN.keys()
