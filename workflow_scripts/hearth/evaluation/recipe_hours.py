"""The hours of work behind students: of their training, and of the text that they learn from.

They differ from run to run.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from hearth.common.job_stats import JobStats
from hearth.evaluation.rendering import Note

HOURS_NOTE: Note = (
    "Hours",
    [
        "training and text are measurements and differ from run to run; no other number of this table does",
        "hours of one GPU, or of one CPU core where there is none: seconds of each job times the number of its devices,"
        " summed over jobs; of a model that a server of others runs, seconds of the jobs that asked it; loading the"
        " model is not included",
        "training: a mean over seeds, of all rounds and folds together; text: all that the teacher wrote or scored, and"
        " the student wrote after earlier rounds, for the train windows of its datasets, used or not; several students"
        " share the teacher's",
    ],
)


class WorkHours(NamedTuple):
    """Device-hours of a training and of the text for it, None if not measured; the names of devices."""

    training: float | None
    text: float | None
    devices: tuple[str, ...]


def work_hours(
    trainings: Sequence[JobStats], texts: Sequence[tuple[JobStats, int]], training_devices: int
) -> WorkHours:
    """Return the hours behind a student from the stats of its trainings and of the jobs that wrote or scored its text.

    `training_devices` is the number of devices of a rank of a training; each job of text stands with that of its own.
    """
    documents: list[Mapping[str, Any]] = [dict(stats) for stats in trainings]
    training = sum(stats["seconds"] * stats.get("ranks", 1) for stats in documents) * training_devices / 3600
    text = sum(stats["seconds"] * number for stats, number in texts) / 3600
    devices = dict.fromkeys(
        stats["device"] for stats in [*trainings, *(stats for stats, _ in texts)] if "device" in stats
    )
    return WorkHours(training if trainings else None, text, tuple(devices))


def hours_columns(students: Sequence[str], hours: Mapping[str, WorkHours] | None) -> dict[str, float | None]:
    """Return the columns of hours of a row: means over its students, None for recognisers without a training."""
    found = [hours[name] for name in students if name in hours] if hours else []
    columns: dict[str, float | None] = {}
    for name in ("training", "text"):
        values = [value for work in found if (value := getattr(work, name)) is not None]
        columns[f"{name}_hours"] = fmean(values) if values else None
    return columns
