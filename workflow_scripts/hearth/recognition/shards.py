"""Recognise the windows of a shard, with a journal that survives a kill."""

import dataclasses
import logging
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict, cast

from hearth.common import files
from hearth.common.cli import UserError
from hearth.common.energy import Meters
from hearth.common.job_stats import JobStats
from hearth.common.sums import sum_if_known
from hearth.data.windows import Window, WindowInput
from hearth.engines.protocol import Completion, Decoding, Engine, Request
from hearth.prompting.predictions import CompletionRecord, Prediction
from hearth.prompting.prompts import Prompt
from hearth.recognition.journal import FORMAT, Journal
from hearth.recognition.journal_writer import JournalWriter
from hearth.recognition.progress import Progress
from hearth.recognition.requests import make_record, make_requests
from hearth.recognition.shard_warnings import shard_warnings

log = logging.getLogger(__name__)


class _JournalItem(TypedDict):
    """A finished window in the journal: its prediction, and its share of the seconds and joules of its batch."""

    prediction: CompletionRecord
    seconds: float
    joules: float | None


# Completions that finished together, and the seconds that each of them took.
_Batch = tuple[list[Completion], float]


def recognise_shard(
    windows: Sequence[WindowInput],
    prompt: Prompt,
    engine: Engine,
    decoding: Decoding,
    weights: Mapping[str, object],
    work: Path,
    dataset: Sequence[Window] = (),
    max_unanswered_share: float = 0.0,
) -> tuple[list[Prediction], JobStats]:
    """Complete every window with `engine`; return a pair: predictions in the order of `windows`, and the shard's stats.

    `weights` identifies the weights that the engine runs (digests of model and adapter). `dataset` has the windows
    of the dataset's train split, if the prompt shows some of them.

    Finished windows are journaled in `work` under a fingerprint of everything that decides their predictions, and are
    not completed again. The engine gets the longest prompts first, in an order that depends only on the shard. Raises
    ValueError if prompt and decoding are incompatible, and UserError if more than `max_unanswered_share` of the
    windows, rounded up to a whole window, get no answer, or if none gets one and the share is not 1.
    """
    prefix, requests = make_requests(prompt, windows, dataset, engine, decoding)
    fingerprint = files.digest(
        {
            "journal": FORMAT,
            "recogniser": weights,
            "engine": engine.identity(),
            "decoding": dataclasses.asdict(decoding),
            "prefix": prefix,
            **({"date": prompt["date"]} if "date" in prompt else {}),  # a server renders the chat template itself
            "requests": [dataclasses.asdict(request) for request in requests],
        }
    )
    sizes = {window["window_id"]: len(window["events"]) for window in windows}
    order = sorted(requests, key=lambda request: -len(request.suffix))  # equal lengths keep their order
    with Journal(work, fingerprint) as journal:
        remaining = [request for request in order if request.key not in journal.items]
        if len(remaining) < len(order):
            log.info("%d of %d windows are done already", len(order) - len(remaining), len(order))
        unanswered: dict[str, _JournalItem] = {}
        if remaining:
            most_unanswered = math.ceil(max_unanswered_share * len(windows))
            if max_unanswered_share < 1:  # a shard without any answer has failed, however small it is
                most_unanswered = min(most_unanswered, len(windows) - 1)
            unanswered = _complete(engine, prefix, remaining, sizes, decoding, journal, most_unanswered)
        by_window = journal.items | unanswered
        items = [cast(_JournalItem, by_window[window["window_id"]]) for window in windows]
    predictions: list[Prediction] = [
        {"window_id": window["window_id"], **item["prediction"]} for window, item in zip(windows, items, strict=True)
    ]
    stats: JobStats = {
        "windows": len(items),
        "seconds": round(sum(item["seconds"] for item in items), 3),
        "energy_joules": _rounded(sum_if_known(item.get("joules") for item in items)),
        "prompt_tokens": sum_if_known(item["prediction"]["prompt_tokens"] for item in items),
        "completion_tokens": sum_if_known(item["prediction"]["completion_tokens"] for item in items),
        **engine.identity(),
        **engine.cost(),
    }
    if warnings := shard_warnings(predictions, [sizes[window["window_id"]] for window in windows], prompt["labels"]):
        stats["warnings"] = warnings
        for warning in warnings:
            log.warning("%s", warning)
    return predictions, stats


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _complete(
    engine: Engine,
    prefix: str,
    requests: Sequence[Request],
    sizes: Mapping[str, int],
    decoding: Decoding,
    journal: Journal,
    most_unanswered: int,
) -> dict[str, _JournalItem]:
    """Complete the requests and journal the predictions; `sizes` is a dict from window id to number of events.

    Returns the items of unanswered windows, which are not journaled: a job that starts again asks for them again.
    Raises UserError for more than `most_unanswered` of them.
    """
    engine.load()
    asked = {request.key: request for request in requests}
    progress = Progress(len(requests))
    # A served model works on another machine, whose meters cannot be read here.
    meters = Meters() if engine.cost()["device"] != "server" else None

    def make_items(batches: Sequence[_Batch]) -> list[dict[str, _JournalItem]]:
        """Return the items of each batch; the batches share the energy since the last call equally, by windows."""
        joules = meters.joules() if meters else None
        windows = sum(len(completions) for completions, _ in batches)
        share = None if joules is None else round(joules / windows, 6)
        return [
            {
                completion.key: {
                    "prediction": make_record(completion, asked[completion.key], sizes[completion.key], decoding),
                    "seconds": seconds,
                    "joules": share,
                }
                for completion in completions
            }
            for completions, seconds in batches
        ]

    unanswered: list[Completion] = []
    started = time.monotonic()
    with JournalWriter(journal, make_items) as writer:
        for finished in engine.complete(prefix, requests, decoding):
            seconds = round((time.monotonic() - started) / len(finished), 6)
            unanswered += [completion for completion in finished if completion.finish_reason == "unanswered"]
            _check_unanswered(unanswered, most_unanswered, len(sizes))
            if answered := [completion for completion in finished if completion.finish_reason != "unanswered"]:
                writer.put((answered, seconds))
            progress.add(finished)
            started = time.monotonic()
    progress.close()
    items: dict[str, _JournalItem] = {}
    for completion in unanswered:
        log.warning("%s is unanswered: %s", completion.key, completion.unanswered_reason)
        record = make_record(completion, asked[completion.key], sizes[completion.key], decoding)
        items[completion.key] = {"prediction": record, "seconds": 0.0, "joules": 0.0 if meters else None}
    return items


def _check_unanswered(unanswered: Sequence[Completion], most: int, windows: int) -> None:
    """Raise UserError, with the reason of one window, if more than `most` of a shard's `windows` are unanswered."""
    if len(unanswered) > most:
        raise UserError(
            f"{len(unanswered)} of {windows} windows are unanswered, and engine.max_unanswered_share allows {most}: "
            f"{unanswered[0].key}: {unanswered[0].unanswered_reason}"
        )
