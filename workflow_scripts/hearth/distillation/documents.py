"""Define and read the JSON documents of training and export, and those entries of the audit that training reads."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from hearth.common.job_stats import JobStats
from hearth.common.records import read_headed_records, read_record
from hearth.distillation.settings import DecidingSettings


class TrainedPrompt(TypedDict):
    """The prompt that a student was trained with, or that audited traces answer."""

    version: str
    reasoning: str


class AuditedTrace(TypedDict):
    """A trace in a teacher's audit. `flags` maps the name of each failed check to its findings."""

    window_id: str
    flags: dict[str, Any]


class AuditHead(TypedDict):
    """The first row of an audit, `results/audits/<teacher>/<dataset>/<split>.jsonl`; the other rows are its traces."""

    recogniser: str
    dataset: str
    prompt: TrainedPrompt


class ExampleCounts(TypedDict):
    """Numbers of all traces, of those used for training, and of those left out, by reason.

    `traces` equals `used` plus the sum of `left_out`. With `max_examples`, windows that need not be encoded count as
    "over_max_examples", although some of them may be too long; replayed traces beyond their share count as
    "over_replay", and those that only keep a dataset from giving more than another as "over_other_datasets".
    `truncated` counts the used traces without an end of turn.
    """

    traces: int
    used: int
    truncated: int
    left_out: dict[str, int]


class ExamplePart(TypedDict):
    """The examples of one dataset. `is_replayed`: whether their traces are those of the student's own base.

    `trace_tokens` is the number of tokens of the traces of the windows that are used, all samples counted; None if a
    server did not say it. `own_texts` counts the windows that are used by what became of the student's own text for
    them (`hearth.distillation.own_text`); it is present in rounds of on-policy distillation.
    """

    dataset: str
    is_replayed: bool
    counts: ExampleCounts
    trace_tokens: NotRequired[int | None]
    own_texts: NotRequired[dict[str, int]]


class BaseModel(TypedDict):
    """The base model of a student; see `hearth.models.snapshot.Snapshot`."""

    model: str
    source: str
    revision: str
    license: str
    stand_in: str
    digest: str


class TrainingDigests(TypedDict):
    """SHA-256 digests (hex).

    `run`: of the run's fingerprint. `examples`: of all training tokens. `traces`: of the file of traces, or of the
    digests of several files; "" without traces.
    """

    run: str
    examples: str
    traces: str


class EarlierRound(TypedDict):
    """The round before one of on-policy distillation: its student, whose adapter was trained on, and this adapter.

    `adapter` is the adapter's digest, `steps` are the optimiser steps of all rounds before.
    """

    student: str
    adapter: str
    steps: int


class TrainingLog(TypedDict):
    """Inputs, settings and losses of a training (training_log.json); equal trainings write equal bytes.

    `dataset` is the name of the set of datasets if there are several. `parts` has the examples of each dataset, and
    `balance` says how they were divided; both are absent for a student of one dataset without replayed traces.
    `continues` is the round before, if its adapter was trained on. `own_texts` counts windows as in `ExamplePart`.
    `teacher_tokens` is the number of tokens that the teacher wrote for the windows that are used, all samples counted;
    None if a server did not say it, absent from logs of older versions.
    """

    student: str
    base: BaseModel
    teacher: str  # "" if the recipe needs none
    dataset: str
    split: str  # train<k>, the windows that are not tested in fold k
    recipe: str
    prompt: TrainedPrompt
    settings: DecidingSettings
    deepspeed: dict[str, Any]
    dtype: str
    ranks: int
    static_prefix: str  # a phrase: encoded "once an optimizer step" or "with every example", with the reason
    examples: ExampleCounts
    teacher_tokens: NotRequired[int | None]
    continues: NotRequired[EarlierRound]
    own_texts: NotRequired[dict[str, int]]
    parts: NotRequired[list[ExamplePart]]
    balance: NotRequired[str]
    trainable_parameters: int
    steps: int
    losses: list[float]  # one for each optimizer step
    digests: TrainingDigests


class TrainingStats(JobStats):
    """Time, memory and device of a training (training.stats.json).

    `seconds` includes the training before the resumed checkpoint.
    """

    steps: int
    resumed_from_step: int  # 0 if the training started anew
    examples_per_second: float
    ranks: int


# File of an export with the prompt that asks for no reasoning; only a student that learned to answer both has it.
DIRECT_PROMPT = "direct_prompt.json"


class GgufExport(TypedDict):
    """The GGUF files of an export.

    `files`: a dict from number format, the merged model's own first, to the file's path in the export's folder; empty
    if the model cannot be converted, and `why_not` is then the reason. `default` is the format for a home hub; "" if
    there is no file. `pre_tokenizer`: llama.cpp's name for the tokenizer's pre-tokenization, or "" if llama.cpp does
    not know it.
    """

    files: dict[str, str]
    default: str
    why_not: str
    pre_tokenizer: NotRequired[str]


class WindowSettings(TypedDict):
    """Settings by which the student's dataset is cut into windows; see `windows` in the config."""

    by: str
    size: int
    seconds: float | None


class ExportedHome(TypedDict):
    """One of several datasets that an exported student learned from; `homes/<dataset>/` has its prompt and its home."""

    dataset: str
    source: str
    windows: WindowSettings


class Export(TypedDict):
    """Number format, GGUF file and settings of an exported student (export.json).

    `source` and `windows` are those of the first of `homes`, as are prompt and home beside the file; `homes` is absent
    for a student of one dataset. `chat_template` has phrases that say how the exported template differs from the
    base's; absent if it does not.
    """

    student: str
    dtype: str  # of the merged weights
    gguf: GgufExport
    source: str  # data format of the dataset that the student learned from
    windows: WindowSettings
    decoding: dict[str, Any]
    homes: NotRequired[list[ExportedHome]]
    chat_template: NotRequired[list[str]]


# Largest share of truncated traces among those that are learned about which nothing is said.
TRUNCATED_SHARE = 0.05


def truncated_warning(truncated: int, traces: int) -> str:
    """Return a warning if more than `TRUNCATED_SHARE` of the traces to learn from were cut off; otherwise ""."""
    if truncated <= TRUNCATED_SHARE * traces:
        return ""
    return (
        f"{truncated} of {traces} traces ({truncated / traces:.0%}) were cut off at the token limit; whole traces like"
        " these teach a student not to end its reasoning. Raise the teacher's decoding.max_new_tokens, close its"
        " reasoning with decoding.reasoning_budget, or leave them out with students.training.truncated_traces: drop"
    )


def truncated_examples(examples: ExampleCounts, parts: Iterable[ExamplePart]) -> str:
    """Return the warnings of a student's examples that were cut off: of its teacher's, and of replayed traces."""
    replayed = [part["counts"] for part in parts if part["is_replayed"]]
    truncated, used = (sum(counts[key] for counts in replayed) for key in ("truncated", "used"))
    warnings = [truncated_warning(examples["truncated"] - truncated, examples["used"] - used)]
    if truncated > TRUNCATED_SHARE * used:
        warnings.append(
            f"{truncated} of {used} replayed traces of the base itself ({truncated / used:.0%}) were cut off at the"
            " token limit; they teach a student not to end its reasoning. Raise decoding.max_new_tokens, or leave them"
            " out with students.training.truncated_traces: drop"
        )
    return ". ".join(filter(None, warnings))


def iterate_audited_traces(path: Path) -> Iterator[AuditedTrace]:
    """Yield the traces of an audit. Raises ValueError, which names the file, the row and the key at fault."""
    return read_headed_records(path, AuditHead, AuditedTrace)[1]


def read_training_log(path: Path) -> TrainingLog:
    """Return the content of a training_log.json. Raises ValueError, which names the file and the key at fault."""
    return read_record(path, TrainingLog)


def read_export(path: Path) -> Export:
    """Return the content of an export.json. Raises ValueError, which names the file and the key at fault."""
    return read_record(path, Export)
