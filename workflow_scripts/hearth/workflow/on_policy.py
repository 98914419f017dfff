"""Name and derive the recognisers that write the text from which students of on-policy distillation learn."""

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from hearth.workflow.config_types import Decoding
from hearth.workflow.students import Student

if TYPE_CHECKING:
    from hearth.workflow.recognisers import Recogniser

# The last part of the name of a student of an earlier round as the writer of text that the next round learns from.
POLICY = "policy"


def policy_name(student: str) -> str:
    """Return the name of a student as the writer of text that the next round learns from."""
    return f"{student}_{POLICY}"


def as_policy(plain: "Recogniser", student: Student) -> "Recogniser":
    """Return the recogniser `plain` of a student as such a writer: it samples from its whole distribution.

    Its seed differs between the rounds of a student and between students of different training seeds.
    """
    seed = 1000 * student.seed + student.round
    decoding = {**(plain.decoding or {}), "temperature": 1.0, "top_p": 1.0, "top_k": 0, "seed": seed}
    return replace(
        plain,
        name=policy_name(plain.name),
        variant=f"{plain.variant}-{POLICY}".lstrip("-"),
        decoding=cast(Decoding, decoding),
        seeds=(seed,),
    )
