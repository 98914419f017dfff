"""Name and derive the recognisers that are several samples of a teacher, and their majority."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from hearth.distillation.recipes import RECIPES
from hearth.workflow.config_types import Config, Decoding
from hearth.workflow.decoding import seed_suffixes

if TYPE_CHECKING:
    from hearth.workflow.recognisers import Recogniser

# The last parts of the names of a teacher's first sample, and of the majority of its samples.
SAMPLED, VOTE = "sampled", "vote"


def reads_samples(recipe: str) -> bool:
    """Return whether students of a recipe learn from several samples of their teacher."""
    return RECIPES[recipe].reads == "samples"


def sample_names(config: Config, teacher: str) -> tuple[str, ...]:
    """Return the names of a teacher's samples, in the order of their seeds."""
    return tuple(f"{teacher}_{SAMPLED}{suffix}" for suffix in seed_suffixes(range(config["teacher_samples"])))


def vote_name(teacher: str) -> str:
    """Return the name of the majority of a teacher's samples."""
    return f"{teacher}_{VOTE}"


def sampled_and_vote(config: Config, teacher: "Recogniser") -> "Iterator[Recogniser]":
    """Yield a teacher with the decoding and all seeds of its samples, and the majority of the samples."""
    sampled = replace(
        teacher,
        name=f"{teacher.name}_{SAMPLED}",
        variant=f"{teacher.variant}-{SAMPLED}".lstrip("-"),
        decoding=cast(Decoding, {**(teacher.decoding or {}), **config["teacher_sampling"], "seed": 0}),
        seeds=tuple(range(config["teacher_samples"])),
    )
    yield sampled
    names = sample_names(config, teacher.name)
    variant = f"{teacher.variant}-{VOTE}".lstrip("-")
    yield replace(sampled, name=vote_name(teacher.name), variant=variant, seeds=(0,), samples=names)
