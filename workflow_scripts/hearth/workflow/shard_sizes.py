"""Choose the number of windows of a shard, so that its job works for about a given time.

Loading a model takes up to a minute or two, so that half an hour keeps it a few per cent of a job. Longer jobs wait
longer in a cluster's queue; a crash loses no more of them, because finished windows are in a journal.
"""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from hearth.common.job_stats import JobStats, read_job_stats
from hearth.prompting.prompts import ReasoningMode, read_prompt
from hearth.workflow.engine_choice import SERVER_ENGINES
from hearth.workflow.gpu_memory import WindowTokens

# Assumed: seconds that a window takes where model or server is not known, several windows at a time.
UNKNOWN_SECONDS = 2.0
# Assumed: tokens of a prompt that is not rendered yet; characters in a token; tokens of an event as a prompt shows it
# and as an answer labels it; tokens of the reasoning before an answer.
PREFIX_TOKENS, TOKEN_CHARACTERS, EVENT_TOKENS, LABEL_TOKENS = 1000, 4, 30, 15
REASONING_TOKENS: dict[ReasoningMode, int] = {"none": 0, "inline": 300, "think": 1000}
# Shards of one recogniser whose stats are read: enough for a mean.
SAMPLED_SHARDS = 50


def shard_size(minutes: float, seconds: float) -> int:
    """Return the largest number of windows, at least 1, of shards that work for about `minutes`.

    A window takes `seconds`. Equal shards of at most this size work for two to four thirds of the time.
    """
    return max(1, round(60 * minutes * 4 / 3 / max(seconds, 1e-6)))


def measured_seconds(predictions: Iterable[Path], engine: str) -> float | None:
    """Return the mean seconds of a window over finished shards that `engine` ran; None if there are none.

    `predictions` are the folders results/predictions/<recogniser> to look into.
    """
    shards: list[JobStats] = []
    for folder in predictions:
        paths = islice(folder.glob("*/*/*-*.stats.json"), SAMPLED_SHARDS)
        shards += [stats for stats in map(read_job_stats, paths) if _ran_by(stats, engine)]
    windows = sum(stats["windows"] for stats in shards)
    return sum(stats["seconds"] for stats in shards) / windows if windows else None


def _ran_by(stats: JobStats, engine: str) -> bool:
    """Whether an engine made the shard with these stats; all servers count as one engine."""
    ran = stats.get("engine")
    return ran == engine or {ran, engine} <= set(SERVER_ENGINES)


def expected_tokens(prompt: Path, reasoning: ReasoningMode, events: float, max_new_tokens: int) -> WindowTokens:
    """Return the tokens that a window of `events` events is expected to have, before any model has answered.

    `prompt` is the file of the rendered prompt, which may not exist yet.
    """
    prefix = len(read_prompt(prompt)["system"]) / TOKEN_CHARACTERS if prompt.is_file() else PREFIX_TOKENS
    answer = REASONING_TOKENS[reasoning] + LABEL_TOKENS * events
    return WindowTokens(prefix, EVENT_TOKENS * events, min(answer, max_new_tokens))
