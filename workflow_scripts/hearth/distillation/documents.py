"""Types of the JSON documents that training and export write, and of the audit as far as training reads it."""

from pathlib import Path
from typing import Any, NotRequired, TypedDict

from hearth.common.job_stats import JobStats
from hearth.common.records import read_record
from hearth.distillation.settings import TrainingSettings


class AuditedTrace(TypedDict):
    """A trace in a teacher's audit. `flags`: the findings of each failed check, by its name."""

    window_id: str
    flags: dict[str, Any]


class Audit(TypedDict):
    """A teacher's audit, `results/audits/<teacher>/<dataset>.json`; training reads nothing else of it."""

    traces: list[AuditedTrace]


class ExampleCounts(TypedDict):
    """Number of traces by what became of them: traces = used + sum of `left_out` (by reason).

    `truncated`: the used traces that have no end of turn.
    """

    traces: int
    used: int
    truncated: int
    left_out: dict[str, int]


class BaseModel(TypedDict):
    """The base model of a student; see `hearth.models.snapshot.Snapshot`."""

    model: str
    source: str
    revision: str
    license: str
    stand_in: str
    digest: str


class TrainedPrompt(TypedDict):
    """The prompt that a student was trained with."""

    version: str
    reasoning: str


class TrainingDigests(TypedDict):
    """SHA-256 (hex) of the run's fingerprint, of all training tokens, and of the traces' file ("" without traces)."""

    run: str
    examples: str
    traces: str


class TrainingLog(TypedDict):
    """training_log.json: inputs, settings and losses of a training; equal trainings write equal bytes."""

    student: str
    base: BaseModel
    teacher: str  # "" if the recipe needs none
    dataset: str
    recipe: str
    prompt: TrainedPrompt
    settings: TrainingSettings
    deepspeed: dict[str, Any]
    dtype: str
    ranks: int
    static_prefix: str  # how the static prefix was encoded, in words
    examples: ExampleCounts
    trainable_parameters: int
    steps: int
    losses: list[float]  # one for each step
    digests: TrainingDigests


class TrainingStats(JobStats):
    """training.stats.json: what a training took; `seconds` include those before the resumed checkpoint."""

    steps: int
    resumed_from_step: int  # 0 if the training started anew
    examples_per_second: float
    ranks: int


class GgufExport(TypedDict):
    """The GGUF file of an export: its path in the export's folder, or "" and the reason why there is none.

    `pre_tokenizer`: llama.cpp's name for the tokenizer's pre-tokenization, "" if llama.cpp does not know it.
    """

    file: str
    why_not: str
    pre_tokenizer: NotRequired[str]


class WindowSettings(TypedDict):
    """How the student's dataset is cut into windows; see `windows` in the config."""

    by: str
    size: int
    seconds: float | None


class Export(TypedDict):
    """export.json: what an exported student consists of and how it is used."""

    student: str
    dtype: str  # of the merged weights
    gguf: GgufExport
    source: str  # format of its dataset
    windows: WindowSettings
    decoding: dict[str, Any]


def read_audited_traces(path: Path) -> list[AuditedTrace]:
    """Read the traces of an audit. Raises ValueError, which names the file and the key at fault."""
    return read_record(path, Audit)["traces"]


def read_training_log(path: Path) -> TrainingLog:
    """Read a training_log.json. Raises ValueError, which names the file and the key at fault."""
    return read_record(path, TrainingLog)


def read_export(path: Path) -> Export:
    """Read an export.json. Raises ValueError, which names the file and the key at fault."""
    return read_record(path, Export)
