"""The work of a run that needs a language model, and the windows and tokens that it has."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypedDict

from hearth.common.job_stats import read_job_stats
from hearth.data.windows import Window, read_windows
from hearth.distillation.settings import TrainingSettings
from hearth.models.load import load_tokenizer
from hearth.prompting.prompts import Prompt, read_prompt, split_prompt, user_turns
from hearth.workflow.gpu_memory import WindowTokens

# Numbers of windows whose prompts are tokenised: spread evenly, for the mean number of tokens, and those of the most
# characters, for the longest.
SAMPLED_WINDOWS, LONGEST_WINDOWS = 200, 16


class PlannedLoad(TypedDict):
    """Planned recognition of one split of one dataset by one language model.

    `prompt` is the path of the prompt, `lora_rank` the rank of a student's adapter, 0 without one.
    """

    recogniser: str
    model: str
    dataset: str
    split: Literal["train", "test"]
    prompt: str
    max_new_tokens: int
    lora_rank: int


class PlannedTraining(TypedDict):
    """A planned training. `teacher` is "" for a student without a teacher; `max_examples` None means all traces."""

    student: str
    model: str
    teacher: str
    dataset: str
    max_examples: int | None
    prompt: str
    max_new_tokens: int


class PlannedWork(TypedDict):
    """All recognition and training of a run that needs a language model.

    `engines` is a dict from model to the engine that runs it, `models` one from model to its entry in the registry, as
    far as the estimates read it; `settings` are the config's settings of engines. `training` are its settings of
    trainings, without a seed, and `training_dtype` is their number format.
    """

    loads: list[PlannedLoad]
    trainings: list[PlannedTraining]
    engines: dict[str, str]
    models: dict[str, dict[str, Any]]
    settings: dict[str, Any]
    training: TrainingSettings
    training_dtype: str


@dataclass(frozen=True)
class PromptTokens:
    """Tokens of the static prefix, and the mean and largest number of tokens of the rest of a split's prompts."""

    prefix: int
    mean: float
    longest: int


@dataclass(frozen=True)
class Load:
    """Number of windows of one split of one dataset for one recogniser, with the tokens of a mean and a longest window.

    `seconds` is what a window has taken in the shards that are finished. If none is, it is None, and the answer of a
    mean window too is the longest possible one.
    """

    recogniser: str
    windows: int
    mean: WindowTokens
    longest: WindowTokens
    seconds: float | None


def count_prompt_tokens(folder: Path, prompt: Prompt, windows: list[Window], dataset: list[Window]) -> PromptTokens:
    """Return the numbers of tokens of a model's prompts for `windows`, from a sample of them.

    `dataset` holds all windows of the dataset, because a prompt may show some of them as few-shot examples.
    """
    tokenizer = load_tokenizer(folder)
    turns = list(user_turns(prompt, windows, dataset).values())

    def parts(turn: str) -> tuple[int, int]:
        prefix, suffix = split_prompt(tokenizer, prompt["system"], turn, prompt["reasoning"])
        return _count(tokenizer, prefix), _count(tokenizer, suffix)

    sample = [parts(turn) for turn in turns[:: -(-len(turns) // SAMPLED_WINDOWS)]]
    longest = [parts(turn) for turn in sorted(turns, key=len)[-LONGEST_WINDOWS:]]
    suffixes = [suffix for _, suffix in sample]
    return PromptTokens(sample[0][0], sum(suffixes) / len(suffixes), max(suffix for _, suffix in sample + longest))


def measured_window(stats: Iterable[Path]) -> tuple[float, float] | None:
    """Return the mean (generated tokens, seconds) per window over finished shards; None if no shard is finished.

    `stats` are the stats files of the shards.
    """
    shards = [read_job_stats(path) for path in stats]
    windows = sum(shard["windows"] for shard in shards)
    if not windows:
        return None
    return sum(shard["completion_tokens"] for shard in shards) / windows, sum(
        one["seconds"] for one in shards
    ) / windows


def measure_loads(
    planned: Iterable[PlannedLoad], tokenised: Iterable[str], results: Path
) -> dict[tuple[str, str, str], Load]:
    """Return a dict from (recogniser, dataset, split) to its load.

    Prompt tokens are counted for the models named in `tokenised`; for others they are 0. `results` is the run's folder
    of results.
    """
    known = set(tokenised)

    @cache
    def windows(dataset: str) -> list[Window]:
        return read_windows(results / "datasets" / dataset / "windows.jsonl")

    @cache
    def split_windows(dataset: str, split: str) -> list[Window]:
        return [window for window in windows(dataset) if window["split"] == split]

    @cache
    def prompt_tokens(model: str, prompt: str, dataset: str, split: str) -> PromptTokens:
        if model not in known or not split_windows(dataset, split):
            return PromptTokens(0, 0, 0)
        return count_prompt_tokens(
            results / "models" / model, read_prompt(Path(prompt)), split_windows(dataset, split), windows(dataset)
        )

    loads: dict[tuple[str, str, str], Load] = {}
    for one in planned:
        name, dataset, split, limit = one["recogniser"], one["dataset"], one["split"], one["max_new_tokens"]
        tokens = prompt_tokens(one["model"], one["prompt"], dataset, split)
        measured = measured_window((results / "predictions" / name).glob("*/*/*.stats.json"))
        loads[name, dataset, split] = Load(
            name,
            len(split_windows(dataset, split)),
            WindowTokens(tokens.prefix, tokens.mean, measured[0] if measured else limit),
            WindowTokens(tokens.prefix, tokens.longest, limit),
            measured[1] if measured else None,
        )
    return loads


def untaught_load(training: PlannedTraining, tokenised: Iterable[str], results: Path) -> Load:
    """Return the load of a student without a teacher: the train split, as if the student had labelled it itself."""
    own: PlannedLoad = {
        "recogniser": training["student"],
        "model": training["model"],
        "dataset": training["dataset"],
        "split": "train",
        "prompt": training["prompt"],
        "max_new_tokens": training["max_new_tokens"],
        "lora_rank": 0,
    }
    (load,) = measure_loads([own], tokenised, results).values()
    return load


def longest_window(loads: Iterable[Load]) -> WindowTokens:
    """Return the largest numbers of tokens of any window of `loads`."""
    windows = [load.longest for load in loads]
    return WindowTokens(
        *(max((getattr(one, part) for one in windows), default=0) for part in ("prefix", "read", "written"))
    )


def loads_of(model: str, planned: Iterable[PlannedLoad], loads: Mapping[tuple[str, str, str], Load]) -> list[Load]:
    """Return the loads of all recognisers with the base `model`."""
    return [loads[one["recogniser"], one["dataset"], one["split"]] for one in planned if one["model"] == model]


def _count(tokenizer: Any, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
