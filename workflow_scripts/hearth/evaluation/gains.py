"""Compare the answers of students with their teacher's, event by event: copied mistakes, and mistakes put right."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np

from hearth.evaluation import bootstrap, statistics
from hearth.evaluation.counts import Counts, count_groups, counts_of_groups
from hearth.evaluation.encoded_windows import EncodedWindows
from hearth.evaluation.metrics import compute_metrics
from hearth.evaluation.score_document import Interval, LostAnswers, Score
from hearth.evaluation.table_rows import Row, build_rows

F1 = "weighted_f1"
# Shares of events, by the events that they are shares of: (numerator, denominator).
SHARES = {
    "copied": ("copied", "wrong"),
    "put_right": ("put_right", "wrong"),
    "kept": ("kept", "right"),
    "accuracy": ("student_right", "events"),
    "teacher_accuracy": ("right", "events"),
}
_COUNTED = ("events", "right", "wrong", "unlabelled", "copied", "put_right", "kept", "student_right")


@dataclass(frozen=True, eq=False)
class Gain:
    """The answers of a recogniser, one entry of `students` for each seed, beside those of a teacher.

    An event that the teacher got wrong has a label of the teacher that is not the gold label. It is copied if the
    recogniser gave it the same label, put right if it gave it the gold label. `kept` are events that both got right.
    `names` are the recognisers, in the order of `students`.
    """

    dataset: str
    names: tuple[str, ...]
    students: tuple[EncodedWindows, ...]
    teacher: EncodedWindows
    lost_answers: LostAnswers

    def __post_init__(self) -> None:
        """Raise ValueError unless all have the same windows and gold labels."""
        for name, student in zip(self.names, self.students, strict=True):
            same = student.labels == self.teacher.labels and student.groups == self.teacher.groups
            if not same or not all(
                np.array_equal(getattr(student, key), getattr(self.teacher, key)) for key in ("group", "sizes", "gold")
            ):
                raise ValueError(f"{name} and its teacher did not answer the same windows of {self.dataset}")

    @property
    def groups(self) -> int:
        """The number of tested groups."""
        return len(self.teacher.groups)

    @cached_property
    def counts(self) -> list[dict[str, np.ndarray]]:
        """The numbers of events of each group (int64, one per group), by name and seed."""
        return [self._count(student) for student in self.students]

    def _count(self, student: EncodedWindows) -> dict[str, np.ndarray]:
        gold, taught = self.teacher.gold, self.teacher.answers["strict"].labels
        own = student.answers["strict"].labels
        right, unlabelled = taught == gold, taught == len(self.teacher.labels)
        wrong = ~right & ~unlabelled
        chosen = {
            "events": np.ones(len(gold), bool),
            "right": right,
            "wrong": wrong,
            "unlabelled": unlabelled,
            "copied": wrong & (own == taught),
            "put_right": wrong & (own == gold),
            "kept": right & (own == gold),
            "student_right": own == gold,
        }
        return {
            name: np.bincount(self.teacher.group_of_event[chosen[name]], minlength=self.groups) for name in _COUNTED
        }

    def total(self, name: str) -> float:
        """Return a number of events, a mean over seeds."""
        return fmean(float(counts[name].sum()) for counts in self.counts)

    def share(self, name: str) -> float | None:
        """Return one of `SHARES`, a mean over seeds; None if there is no such event."""
        part, whole = SHARES[name]
        if not self.total(whole):
            return None
        return fmean(float(counts[part].sum() / counts[whole].sum()) for counts in self.counts)

    def share_interval(self, name: str) -> Interval | None:
        """Return the interval of a share over groups and seeds; None if some resample has no such event."""
        part, whole = SHARES[name]
        values = []
        for counts in self.counts:
            sums = bootstrap.resampled_sums(self.dataset, np.stack([counts[part], counts[whole]], axis=1))
            with np.errstate(invalid="ignore", divide="ignore"):
                values.append(sums[:, 0] / sums[:, 1])
        mean = np.einsum("rs,sr->r", bootstrap.seed_weights(self.names), np.stack(values))
        return bootstrap.share_interval(mean, self.groups)

    @cached_property
    def _where_right(self) -> list[Counts]:
        """The counts of each seed on the events that the teacher got right; empty if there are none."""
        right = self.teacher.gold == self.teacher.answers["strict"].labels
        parts = [student.keep_events(right, "strict") for student in self.students] if right.any() else []
        return [
            counts_of_groups(name, self.dataset, count_groups(part), part.labels, "strict", self.lost_answers)
            for name, part in zip(self.names, parts, strict=False)
        ]

    @property
    def f1_where_right(self) -> float | None:
        """Weighted F1 on the events that the teacher got right, a mean over seeds."""
        values = [
            float(compute_metrics(counts.matrix.sum(axis=0, dtype=float), self.lost_answers)[F1])
            for counts in self._where_right
        ]
        return fmean(values) if values else None

    @property
    def f1_where_right_interval(self) -> Interval | None:
        """The interval of `f1_where_right` over groups and seeds."""
        if not self._where_right:
            return None
        resampled = statistics.resample_mean(self._where_right)[F1]
        return bootstrap.share_interval(resampled, len(self._where_right[0].groups))


def pair_with_teachers(scores: Sequence[Score]) -> list[tuple[Row, str]]:
    """Return the rows of scores, seeds together, each with the name of a teacher to compare it with.

    A student is compared with its own teacher, any other recogniser with each teacher of the students, and a teacher
    not with itself. Raises ValueError if no student has a teacher.
    """
    teachers = list(dict.fromkeys(score["teacher"] for score in scores if score["teacher"]))
    if not teachers:
        raise ValueError("no student with a teacher; select students that learned from a teacher")
    return [
        (row, teacher)
        for row in build_rows(scores, "mean")
        for teacher in ([row.scores[0]["teacher"]] if row.scores[0]["teacher"] else teachers)
        if teacher not in (row.name, row.scores[0]["recogniser"])
    ]
