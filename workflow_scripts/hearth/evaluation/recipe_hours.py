"""The hours of work behind students: of their training, and of their teacher's text. They differ from run to run."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from hearth.common.job_stats import JobStats
from hearth.evaluation.rendering import Note

HOURS_NOTE: Note = (
    "Hours",
    [
        "training and teacher's text are measurements and differ from run to run; no other number of this table does",
        "hours of one GPU, or of one CPU core where there is none: seconds of each job times the number of its devices,"
        " summed over jobs; loading the model is not included",
        "training: a mean over seeds, of all folds together; teacher's text: all that the teacher wrote or scored for"
        " the train windows of the student's datasets, used or not; several students share it",
    ],
)


class WorkHours(NamedTuple):
    """Device-hours of a training and of its teacher's text, None if not measured, and names of the devices."""

    training: float | None
    teacher: float | None
    devices: tuple[str, ...]


def work_hours(trainings: Sequence[JobStats], texts: Sequence[JobStats], per_job: Mapping[str, int]) -> WorkHours:
    """Return the hours behind a student from the stats of its trainings (one for each fold) and of its teacher's text.

    `per_job` has numbers of devices: "training" those of a rank of the training, "teacher" those of a shard of text.
    """
    documents: list[Mapping[str, Any]] = [dict(stats) for stats in trainings]
    training = sum(stats["seconds"] * stats.get("ranks", 1) for stats in documents) * per_job["training"] / 3600
    teacher = sum(stats["seconds"] for stats in texts) * per_job["teacher"] / 3600
    devices = dict.fromkeys(stats["device"] for stats in [*trainings, *texts] if "device" in stats)
    return WorkHours(training if trainings else None, teacher, tuple(devices))


def hours_columns(students: Sequence[str], hours: Mapping[str, WorkHours] | None) -> dict[str, float | None]:
    """Return the columns of hours of a row: means over its students, None for recognisers without a training."""
    found = [hours[name] for name in students if name in hours] if hours else []
    columns: dict[str, float | None] = {}
    for name in ("training", "teacher"):
        values = [value for work in found if (value := getattr(work, name)) is not None]
        columns[f"{name}_hours"] = fmean(values) if values else None
    return columns
