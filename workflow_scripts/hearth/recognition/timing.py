"""Time a student as a home hub uses it: window by window, in a process of its own."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from hearth.common.cli import UserError
from hearth.common.deployment_stats import Timing
from hearth.common.energy import Meters
from hearth.common.memory import peak_memory_bytes
from hearth.data.windows import WindowInput
from hearth.engines.protocol import Decoding, Request
from hearth.prompting.prompts import Prompt
from hearth.recognition.requests import make_requests

if TYPE_CHECKING:
    from hearth.engines.llamacpp import AnswerTimings, LlamaCppEngine


Item = TypeVar("Item")

# A window is timed after another one: a second answer to the same window would compute no prompt tokens.
FEWEST_WINDOWS = 2
# After that many seconds, and at least `FEWEST_WINDOWS` windows, no more windows are timed: a small computer may take
# minutes for one that is reasoned about.
MOST_SECONDS = 60.0


class OpenedStudent(NamedTuple):
    """A student to time: its engine, its prompt, whether that is the direct one, and the most tokens of an answer."""

    engine: "LlamaCppEngine"
    prompt: Prompt
    direct: bool
    max_new_tokens: int


def time_student(open_student: Callable[[], OpenedStudent], windows: Sequence[WindowInput], threads: int) -> Timing:
    """Open and load a student, and time each of `windows`, greedily decoded, with and without the cached prefix.

    `threads` are those of its engine. Raises UserError for fewer than `FEWEST_WINDOWS` windows, and for one whose
    prompt does not fit the context.
    """
    if len(windows) < FEWEST_WINDOWS:
        raise UserError(f"{len(windows)} windows to time; at least {FEWEST_WINDOWS} are needed")
    started = time.perf_counter()
    engine, prompt, direct, max_new_tokens = open_student()
    engine.load()
    load_seconds = time.perf_counter() - started
    decoding = Decoding.greedy(max_new_tokens)
    prefix, requests = make_requests(prompt, windows, [], engine, decoding)

    def answer(request: Request) -> tuple[float, int, "AnswerTimings"]:
        """Return seconds, prompt tokens and llama.cpp's timings of one answer."""
        started = time.perf_counter()
        [[completion]] = engine.complete(prefix, [request], decoding)
        seconds = time.perf_counter() - started
        if completion.finish_reason == "unanswered" or engine.timings is None:
            raise UserError(f"{request.key} is unanswered: {completion.unanswered_reason}")
        return seconds, completion.prompt_tokens or 0, engine.timings

    answer(requests[-1])  # caches the prefix; the first timed window follows another one
    meters, worked = Meters(), time.process_time()
    cached = list(_until_late(map(answer, requests)))
    worked, joules = time.process_time() - worked, meters.joules()
    engine.reuses_prompts = False
    uncached = list(_until_late(map(answer, requests)))
    prompt_parts = [timings for _, _, timings in uncached]
    answer_parts = [timings for _, _, timings in (*cached, *uncached)]
    return {
        "reasoning": prompt["reasoning"],
        "direct": direct,
        "threads": threads,
        "windows": len(cached),
        "load_seconds": round(load_seconds, 4),
        "seconds": round(median(seconds for seconds, _, _ in cached), 6),
        "slowest_seconds": round(max(seconds for seconds, _, _ in cached), 6),
        "cpu_seconds": round(worked / len(cached), 6),
        "uncached_seconds": round(median(seconds for seconds, _, _ in uncached), 6),
        "prompt_tokens": _mean([tokens for _, tokens, _ in cached]),
        "own_tokens": _mean([timings.prompt_tokens for _, _, timings in cached]),
        "answer_tokens": _mean([timings.completion_tokens for _, _, timings in cached]),
        "prompt_tokens_per_second": _rate(
            sum(part.prompt_tokens for part in prompt_parts), sum(part.prompt_seconds for part in prompt_parts)
        ),
        "answer_tokens_per_second": _rate(
            sum(part.completion_tokens for part in answer_parts), sum(part.completion_seconds for part in answer_parts)
        ),
        "joules": None if joules is None else round(joules / len(cached), 6),
        "peak_memory_bytes": peak_memory_bytes(),
    }


def _until_late(items: Iterable[Item]) -> Iterator[Item]:
    """Yield all items, or those until `MOST_SECONDS` have passed and `FEWEST_WINDOWS` have come."""
    started = time.perf_counter()
    for number, item in enumerate(items, start=1):
        yield item
        if number >= FEWEST_WINDOWS and time.perf_counter() - started > MOST_SECONDS:
            return


def _mean(values: Sequence[float]) -> float:
    return round(fmean(values), 6)


def _rate(amount: float, seconds: float) -> float | None:
    return round(amount / seconds, 2) if seconds else None
