"""Test what is checked of an export before a service begins."""

from pathlib import Path

import pytest
from factories import LABELS, PROMPT
from hearth.common.cli import UserError
from hearth.service.student import check_labels
from service_factories import service_home


def test_a_home_without_labels_of_the_student_is_refused():
    check_labels(PROMPT, service_home(labels=[*LABELS, "sleeping"]), Path("flat.yaml"))
    example = {
        "reasoning": "x",
        "events": [{"time": "08:00:00", "sensor": "s1", "state": "ON", "label": LABELS[0]}] * 2,
    }
    with pytest.raises(UserError, match=f"flat.yaml: labels lack {', '.join(LABELS[1:])}, with which"):
        check_labels(PROMPT, service_home(labels=[LABELS[0], "sleeping"], example=example), Path("flat.yaml"))
