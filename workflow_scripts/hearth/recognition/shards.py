"""Recognise the windows of a shard, with a journal that survives a kill."""

import dataclasses
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict, cast

from hearth.common import files
from hearth.common.energy import Meters
from hearth.common.job_stats import JobStats
from hearth.data.windows import Window, WindowInput
from hearth.engines.protocol import Decoding, Engine, Request
from hearth.prompting.predictions import CompletionRecord, Prediction
from hearth.prompting.prompts import Prompt
from hearth.recognition.journal import FORMAT, Journal
from hearth.recognition.progress import Progress
from hearth.recognition.requests import make_record, make_requests

log = logging.getLogger(__name__)


class _JournalItem(TypedDict):
    """A finished window in the journal: its prediction, and its share of the seconds and joules of its batch."""

    prediction: CompletionRecord
    seconds: float
    joules: float | None


def recognise_shard(
    windows: Sequence[WindowInput],
    prompt: Prompt,
    engine: Engine,
    decoding: Decoding,
    weights: Mapping[str, object],
    work: Path,
    dataset: Sequence[Window] = (),
) -> tuple[list[Prediction], JobStats]:
    """Complete every window with `engine`; return a pair: predictions in the order of `windows`, and the shard's stats.

    `weights` identifies the weights that the engine runs (digests of model and adapter). `dataset` has the windows
    of the dataset's train split, if the prompt shows some of them.

    Finished windows are journaled in `work` under a fingerprint of everything that decides their predictions, and are
    not completed again. The engine gets the longest prompts first, in an order that depends only on the shard. Raises
    ValueError if prompt and decoding are incompatible.
    """
    prefix, requests = make_requests(prompt, windows, dataset, engine, decoding)
    fingerprint = files.digest(
        {
            "journal": FORMAT,
            "recogniser": weights,
            "engine": engine.identity(),
            "decoding": dataclasses.asdict(decoding),
            "prefix": prefix,
            "requests": [dataclasses.asdict(request) for request in requests],
        }
    )
    sizes = {window["window_id"]: len(window["events"]) for window in windows}
    order = sorted(requests, key=lambda request: -len(request.suffix))  # equal lengths keep their order
    with Journal(work, fingerprint) as journal:
        remaining = [request for request in order if request.key not in journal.items]
        if len(remaining) < len(order):
            log.info("%d of %d windows are done already", len(order) - len(remaining), len(order))
        if remaining:
            _complete(engine, prefix, remaining, sizes, decoding, journal)
        items = [cast(_JournalItem, journal.items[window["window_id"]]) for window in windows]
    predictions: list[Prediction] = [
        {"window_id": window["window_id"], **item["prediction"]} for window, item in zip(windows, items, strict=True)
    ]
    stats: JobStats = {
        "windows": len(items),
        "seconds": round(sum(item["seconds"] for item in items), 3),
        "energy_joules": _sum_if_known([item.get("joules") for item in items]),
        "prompt_tokens": sum(item["prediction"]["prompt_tokens"] for item in items),
        "completion_tokens": sum(item["prediction"]["completion_tokens"] for item in items),
        **engine.identity(),
        **engine.cost(),
    }
    return predictions, stats


def _sum_if_known(values: Sequence[float | None]) -> float | None:
    """Return the sum of `values`; None if any of them is None."""
    known = [value for value in values if value is not None]
    return round(sum(known), 3) if len(known) == len(values) else None


def _complete(
    engine: Engine,
    prefix: str,
    requests: Sequence[Request],
    sizes: Mapping[str, int],
    decoding: Decoding,
    journal: Journal,
) -> None:
    """Complete the requests and journal the predictions; `sizes` is a dict from window id to number of events."""
    engine.load()
    progress = Progress(len(requests))
    # A served model works on another machine, whose meters cannot be read here.
    meters = Meters() if engine.cost()["device"] != "server" else None
    started = time.monotonic()
    for completions in engine.complete(prefix, requests, decoding):
        joules = meters.joules() if meters else None
        seconds = round((time.monotonic() - started) / len(completions), 6)
        joules = None if joules is None else round(joules / len(completions), 6)
        items: dict[str, _JournalItem] = {
            completion.key: {
                "prediction": make_record(completion, sizes[completion.key], decoding),
                "seconds": seconds,
                "joules": joules,
            }
            for completion in completions
        }
        journal.append(items)
        progress.add(completions)
        started = time.monotonic()
    progress.close()
