"""Test what is checked of an export before a service begins."""

from pathlib import Path

import pytest
from factories import LABELS, PROMPT
from hearth.common.cli import UserError
from hearth.engines.protocol import Decoding
from hearth.service.student import check_labels, needed_context, open_engine
from service_factories import service_home


def test_a_home_without_labels_of_the_student_is_refused():
    check_labels(PROMPT, service_home(labels=[*LABELS, "sleeping"]), Path("flat.yaml"))
    example = {
        "reasoning": "x",
        "events": [{"time": "08:00:00", "sensor": "s1", "state": "ON", "label": LABELS[0]}] * 2,
    }
    with pytest.raises(UserError, match=f"flat.yaml: labels lack {', '.join(LABELS[1:])}, with which"):
        check_labels(PROMPT, service_home(labels=[LABELS[0], "sleeping"], example=example), Path("flat.yaml"))


def test_a_folder_that_was_not_copied_whole_is_said(tmp_path):
    export = {"gguf": {"files": {"f16": "gguf/x.gguf"}, "default": "f16", "why_not": ""}}
    with pytest.raises(UserError, match=r"gguf/x\.gguf is missing; copy the whole folder"):
        open_engine(tmp_path, export)
    with pytest.raises(UserError, match=r"merged/tokenizer\.json is missing; copy the whole folder"):
        needed_context(tmp_path / "merged", service_home(), PROMPT, 10, Decoding.greedy(8))
