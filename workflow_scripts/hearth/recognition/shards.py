"""Windows of one shard to raw predictions: prompts, an engine, and a journal that outlives a kill."""

import dataclasses
import logging
import math
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from hearth.common import files
from hearth.common.energy import Meters
from hearth.engines import Completion, Decoding, Engine, Request, Thought
from hearth.prompting.parsing import label_spans
from hearth.prompting.prompts import answer_schema, split_prompt, thought_marks, user_turns
from hearth.recognition.journal import FORMAT, Journal

log = logging.getLogger(__name__)


def shard_windows(windows: list[dict], split: str, shard: str) -> list[dict]:
    """The windows of `split` at positions first to last, both included, of `shard` ("00000-00063").

    Raises ValueError for a shard that is malformed or reaches beyond the split.
    """
    first, _, last = shard.partition("-")
    if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise ValueError(f"shard {shard!r} is not FIRST-LAST, such as 00000-00063")
    of_split = [window for window in windows if window["split"] == split]
    if int(last) >= len(of_split):
        raise ValueError(f"shard {shard} reaches beyond the {len(of_split)} windows of the {split} split")
    return of_split[int(first) : int(last) + 1]


def recognise(
    windows: list[dict],
    prompt: dict,
    tokenizer,
    engine: Engine,
    decoding: Decoding,
    recogniser: dict,
    work: Path,
    dataset: Sequence[dict] = (),
) -> tuple[list[dict], dict]:
    """(predictions in the order of `windows`, stats): what `engine` writes for every window.

    `prompt` is the rendered prompt, `tokenizer` the one whose chat template places it (None where the engine's server
    places the turns), `recogniser` says which weights the engine runs (digests of model and adapter), `dataset` are all
    windows of the dataset, from whose train split a prompt may show some. Finished windows are journaled in `work`
    under a digest of everything that decides them, and are not done again. The engine is given longest prompts
    first, in an order that only the shard decides. Raises ValueError where prompt and decoding do not go together.
    """
    prefix, requests = _requests(tokenizer, prompt, windows, dataset, decoding)
    digest = files.digest(
        {
            "journal": FORMAT,
            "recogniser": recogniser,
            "engine": engine.identity(),
            "decoding": dataclasses.asdict(decoding),
            "prefix": prefix,
            "requests": [dataclasses.asdict(request) for request in requests],
        }
    )
    sizes = {window["window_id"]: len(window["events"]) for window in windows}
    order = sorted(requests, key=lambda request: -len(request.suffix))  # stable: by position among equals
    with Journal(work, digest) as journal:
        open_ = [request for request in order if request.key not in journal.items]
        if len(open_) < len(order):
            log.info("%d of %d windows are done already", len(order) - len(open_), len(order))
        if open_:
            _work(engine, prefix, open_, sizes, decoding, journal)
        done = [journal.items[window["window_id"]] for window in windows]
    predictions = [{"window_id": w["window_id"], **item["prediction"]} for w, item in zip(windows, done, strict=True)]
    stats = {
        "windows": len(done),
        "seconds": round(sum(item["seconds"] for item in done), 3),
        "energy_joules": _sum_known([item.get("joules") for item in done]),
        "prompt_tokens": sum(item["prediction"]["prompt_tokens"] for item in done),
        "completion_tokens": sum(item["prediction"]["completion_tokens"] for item in done),
        **engine.identity(),
        **engine.cost(),
    }
    return predictions, stats


def recognise_now(windows: list[dict], prompt: dict, engine: Engine, decoding: Decoding) -> list[dict]:
    """The predictions of windows that have just come, in their order; `recognise` does the same with a journal."""
    prefix, requests = _requests(engine.tokenizer, prompt, windows, (), decoding)
    sizes = {window["window_id"]: len(window["events"]) for window in windows}
    found = {
        completion.key: _prediction(completion, sizes[completion.key], decoding)
        for completions in engine.complete(prefix, requests, decoding)
        for completion in completions
    }
    return [{"window_id": key, **found[key]} for key in sizes]


def gather(windows: list[dict], split: str, shards: Iterable[Path]) -> list[dict]:
    """The predictions of all `shards` in the order of the split's windows, each exactly once.

    Raises ValueError naming windows that are missing, predicted twice, or not of this split.
    """
    expected = [window["window_id"] for window in windows if window["split"] == split]
    found: dict[str, tuple[Path, dict]] = {}
    for shard in shards:
        for prediction in files.read_json_lines(shard):
            key = prediction["window_id"]
            if key in found:
                raise ValueError(
                    f"{shard}: window {key} is predicted already in {found[key][0]}; delete one of the two"
                )
            found[key] = (shard, prediction)
    strange = sorted(found.keys() - set(expected))
    if strange:
        raise ValueError(f"{found[strange[0]][0]}: {_some(strange)} not in the {split} split; delete this file")
    missing = [key for key in expected if key not in found]
    if missing:
        raise ValueError(f"no prediction for {_some(missing)} of the {split} split; recognise their shards again")
    return [found[key][1] for key in expected]


def _sum_known(values: list[float | None]) -> float | None:
    """Their sum; None where one is not known."""
    return None if None in values else round(sum(values), 3)


def _some(keys: list[str]) -> str:
    return f"{len(keys)} window{'s' if len(keys) > 1 else ''} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"


def _requests(
    tokenizer, prompt: dict, windows: list[dict], dataset: Sequence[dict], decoding: Decoding
) -> tuple[str, list[Request]]:
    """(static prefix, a request for every window, in their order)."""
    if decoding.constrained and prompt["reasoning"] == "inline":
        raise ValueError(
            "decoding: constrained needs reasoning `think` or `none`: inline reasoning has no mark where it ends"
        )
    marks = thought_marks(tokenizer) if tokenizer else ("<think>", "</think>")
    thought = Thought(*marks) if prompt["reasoning"] == "think" else None
    turns = user_turns(prompt, windows, dataset)
    prefixes, requests = set(), {}
    for window in windows:
        key = window["window_id"]
        prefix, suffix = prompt["system"], turns[key]
        if tokenizer:
            prefix, suffix = split_prompt(tokenizer, prefix, suffix, prompt["reasoning"])
        if key in requests:
            raise ValueError(f"window {key} is there twice")
        schema = answer_schema(prompt["labels"], len(window["events"])) if decoding.constrained else None
        prefixes.add(prefix)
        requests[key] = Request(key, suffix, schema, thought)
    (prefix,) = prefixes
    return prefix, list(requests.values())


def _work(
    engine: Engine, prefix: str, requests: list[Request], sizes: dict[str, int], decoding: Decoding, journal: Journal
) -> None:
    engine.load()
    progress = _Progress(len(requests))
    # A server's machine has the meters of what it does.
    meters = Meters() if engine.cost()["device"] != "server" else None
    started = time.monotonic()
    for completions in engine.complete(prefix, requests, decoding):
        joules = meters.joules() if meters else None
        spent = {
            "seconds": round((time.monotonic() - started) / len(completions), 6),
            "joules": None if joules is None else round(joules / len(completions), 6),
        }
        items = {completion.key: _prediction(completion, sizes[completion.key], decoding) for completion in completions}
        journal.append({key: {"prediction": item, **spent} for key, item in items.items()})
        progress.add(completions)
        started = time.monotonic()
    progress.close()


def _prediction(completion: Completion, size: int, decoding: Decoding) -> dict:
    """The row of one window of `size` events, but for its id; what decoding does not ask for is not in it."""
    row = {
        "text": completion.text,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "seed": decoding.seed,
    }
    if decoding.reasoning_budget is not None:
        row["reasoning_forced"] = completion.reasoning_forced
    if decoding.confidence != "none":
        row["confidences"] = _confidences(completion, size)
    return row


def _confidences(completion: Completion, size: int) -> list[float | None]:
    """The probability of each event's label: of the tokens that spell it and its closing quote, after all before."""
    starts = [0, *(end for end, _ in completion.pieces)]
    tokens = [(start, end, value) for start, (end, value) in zip(starts, completion.pieces, strict=False)]
    return [
        span and round(math.exp(sum(value for start, end, value in tokens if start < span[1] and span[0] < end)), 6)
        for span in label_spans(completion.text, size)
    ]


class _Progress:
    """A bar on a terminal; elsewhere one log line a minute at most."""

    def __init__(self, total: int, every_s: float = 60.0):
        self._bar = tqdm(total=total, unit="window", disable=not sys.stderr.isatty())
        self._total, self._every = total, every_s
        self._started = self._said = time.monotonic()
        self._windows = self._tokens = 0

    def add(self, completions: list[Completion]) -> None:
        self._windows += len(completions)
        self._tokens += sum(completion.completion_tokens for completion in completions)
        self._bar.update(len(completions))
        now = time.monotonic()
        if self._bar.disable and now - self._said >= self._every:
            self._said = now
            self._say(now)

    def close(self) -> None:
        self._bar.close()
        self._say(time.monotonic())

    def _say(self, now: float) -> None:
        seconds = max(now - self._started, 1e-9)
        left = (self._total - self._windows) * seconds / max(self._windows, 1)
        log.info(
            "%d of %d windows, %.2f windows/s, %.0f new tokens/s, %.0f s to go",
            self._windows, self._total, self._windows / seconds, self._tokens / seconds, left,
        )  # fmt: skip
