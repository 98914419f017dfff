"""Check what a config says about several samples of its teachers, and about the students that learn from them."""

from collections.abc import Iterator

from hearth.common.schemas import Problem
from hearth.workflow.config_types import Config
from hearth.workflow.recognisers import recognisers, sampled_teachers
from hearth.workflow.selection import table_pairs
from hearth.workflow.teacher_samples import SAMPLED, VOTE, reads_samples

# Students of samples at temperature 1 are worse than those of one greedy trace: samples are drawn near the mode.
MAX_TEMPERATURE = 0.6


def sample_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for each setting of a teacher's samples that makes no majority, and for names that they take."""
    count = config["teacher_samples"]
    if count == 1:
        yield ["teacher_samples"], "one sample has no majority; set it to 0, or to at least 2"
    if "seeds" in config["teacher_sampling"]:
        yield ["teacher_sampling", "seeds"], "the seeds are 0 to teacher_samples - 1; remove it"
    if count < 2:
        main = config["students"]
        recipes: list[tuple[list[object], str]] = [(["students", "recipe"], main["recipe"])]
        for name, group in main["groups"].items():
            recipes += [(["students", "groups", name, "recipes"], recipe) for recipe in group["recipes"]]
        for path, recipe in recipes:
            if reads_samples(recipe):
                yield path, f"recipe {recipe!r} learns from samples of the teacher; set teacher_samples to at least 2"
    for name in (SAMPLED, VOTE) if count else ():
        if name in config["variants"]:
            yield ["variants", name], f"{name!r} would name samples of a teacher (teacher_samples); choose another name"


def unsampled_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for each table of samples that are not taken, and for a temperature that samples must not have.

    The names of teachers must exist.
    """
    for table, spec in config["tables"].items():
        for index, part in enumerate(spec["select"]):
            if part["recognisers"] in ("teacher_samples", "teacher_vote") and not config["teacher_samples"]:
                path: list[object] = ["tables", table, "select", index, "recognisers"]
                yield path, "the run takes no samples of its teacher; set teacher_samples to at least 2"
    known = recognisers(config)
    for teacher in sampled_teachers(config):
        decoding = known[f"{teacher}_{SAMPLED}"].decoding
        if decoding and not 0 < decoding["temperature"] <= MAX_TEMPERATURE:
            yield (
                ["teacher_sampling", "temperature"],
                f"samples of {teacher!r} would have the temperature {decoding['temperature']:g}; set it above 0, so "
                f"that samples differ, and to at most {MAX_TEMPERATURE:g}, because students learn worse from others",
            )
            return


def vote_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for each table of votes that selects none."""
    known = recognisers(config)
    for table, spec in config["tables"].items():
        if spec["rows"] == "votes" and not any(known[name].samples for name, _ in table_pairs(config, table)):
            yield (
                ["tables", table, "select"],
                "selects no majority of samples; add {recognisers: teacher_vote}, or a variant with self_consistency",
            )
