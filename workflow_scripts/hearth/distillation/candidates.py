"""Read the candidates for training examples: every train window of a dataset with its trace."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple, TypeVar

from hearth.common.log_probabilities import LogProbabilities
from hearth.common.scored_text import ScoredText
from hearth.data.folds import iterate_split, read_splits, sessions_of_split
from hearth.data.windows import Window
from hearth.distillation.documents import AuditedTrace, iterate_audited_traces
from hearth.distillation.recipes import Candidate, Recipe
from hearth.prompting.predictions import (
    ParsedPrediction,
    Prediction,
    align,
    align_samples,
    iterate_parsed_predictions,
    iterate_predictions,
)

Row = TypeVar("Row", ParsedPrediction, AuditedTrace)


class TrainingFiles(NamedTuple):
    """The files that examples are made from; `traces` is None for a recipe without a teacher.

    Examples are made of the windows of `split`, which is train<k>. Traces, `parsed` (parsed predictions) and `audit`
    cover those of `traces_split`, which holds all of them, and so do `log_probabilities` (the teacher's likeliest
    tokens); only some recipes read one of the last three.
    For recipes that read samples, `samples` has the parsed predictions of every seed, and `traces` those of their
    majority. In a round of on-policy distillation, `own_traces` is the student's own text for the windows of `split`,
    and `own_log_probabilities` has its teacher's likeliest tokens.
    """

    windows: Path
    splits: Path
    split: str
    traces_split: str = ""
    traces: Path | None = None
    parsed: Path | None = None
    audit: Path | None = None
    samples: tuple[Path, ...] = ()
    log_probabilities: Path | None = None
    own_traces: Path | None = None
    own_log_probabilities: Path | None = None


def iterate_candidates(files: TrainingFiles, recipe: Recipe) -> Iterator[Candidate]:
    """Yield every train window with its trace, and with what the recipe reads beside it.

    Raises ValueError if a document is missing or belongs to other windows or traces.
    """
    if files.traces is None:
        if recipe.needs_teacher:
            raise ValueError(f"recipe {recipe.name!r} needs --traces")
        windows = iterate_split(files.windows, files.splits, files.split)
        yield from (Candidate(window, _empty_trace(window)) for window in windows)
        return
    if recipe.reads and not getattr(files, recipe.reads):
        raise ValueError(f"recipe {recipe.name!r} needs --{recipe.reads.replace('_', '-')}")
    parsed: Iterator[ParsedPrediction] = iter(())
    audited: Iterator[AuditedTrace] = iter(())
    scored: Iterator[ScoredText] = iter(())
    if files.parsed and recipe.reads == "parsed":
        parsed = iterate_parsed_predictions(files.parsed)
    if files.audit and recipe.reads == "audit":
        audited = iterate_audited_traces(files.audit)
    sampled: Iterator[tuple[ParsedPrediction, ...]] = iter(())
    if recipe.reads == "samples":
        paths = [files.traces, *files.samples]
        sampled = align_samples([iterate_parsed_predictions(path) for path in paths], paths)
    if files.log_probabilities and recipe.reads == "log_probabilities":
        scored = iter(LogProbabilities(files.log_probabilities))
    own_texts = _own_texts(files)
    trained = sessions_of_split(read_splits(files.splits), files.split)
    windows = iterate_split(files.windows, files.splits, files.traces_split)
    for window, trace in align(windows, iterate_predictions(files.traces), files.traces):
        labels, is_flagged = [], False
        samples: list[ParsedPrediction] = []
        shares: list[float | None] = []
        if recipe.reads == "samples":
            vote, *samples = next(sampled)
            labels, shares = vote["labels"], _shares_of(vote, files.traces)
        if recipe.reads == "parsed":
            labels = _row_of(trace, parsed, "parsed")["labels"]
        # An audit has no row for a window without an answer; the parsed predictions have one.
        if recipe.reads == "audit" and trace["finish_reason"] != "unanswered":
            is_flagged = bool(_row_of(trace, audited, "audit")["flags"])
        text = None
        if recipe.reads == "log_probabilities":
            text = next(scored, None)
            if text is None or text.window_id != trace["window_id"]:
                raise ValueError(_OTHER_WINDOWS.format("log-probabilities"))
        if window["session"] in trained:
            own, own_scored = _own_text_of(window, own_texts) if files.own_traces else (None, None)
            yield Candidate(window, trace, labels, is_flagged, tuple(samples), shares, text, own, own_scored)
    if any(next(rows, None) for rows in (parsed, audited, sampled, scored)):
        raise ValueError(_OTHER_WINDOWS.format(recipe.reads))
    if next(own_texts, None):
        raise ValueError(_OTHER_OWN_WINDOWS)


_OTHER_WINDOWS = "--{} covers other windows than the traces: rebuild it from these traces"


_OTHER_OWN_WINDOWS = "--own-traces or --own-log-probabilities cover other windows than the train split: make them again"


def _own_texts(files: TrainingFiles) -> Iterator[tuple[Prediction | None, ScoredText | None]]:
    """Yield the student's own text for each train window, with its teacher's likeliest tokens."""
    if files.own_traces is None:
        return iter(())
    if files.own_log_probabilities is None:
        raise ValueError("--own-traces needs --own-log-probabilities")
    return zip_longest(iterate_predictions(files.own_traces), LogProbabilities(files.own_log_probabilities))


def _own_text_of(
    window: Window, texts: Iterator[tuple[Prediction | None, ScoredText | None]]
) -> tuple[Prediction, ScoredText]:
    own, scored = next(texts, (None, None))
    if own is None or scored is None or {own["window_id"], scored.window_id} != {window["window_id"]}:
        raise ValueError(_OTHER_OWN_WINDOWS)
    return own, scored


def _row_of(trace: Prediction, rows: Iterator[Row], option: str) -> Row:
    """Return the next row of a document; raise ValueError unless it is that of the trace."""
    row = next(rows, None)
    if row is None or row["window_id"] != trace["window_id"]:
        raise ValueError(_OTHER_WINDOWS.format(option))
    return row


def _shares_of(vote: ParsedPrediction, path: Path) -> list[float | None]:
    """Return the shares of a vote; raise ValueError for the prediction of a single sample."""
    if "confidences" not in vote:
        raise ValueError(f"{path}: it is no vote, for it lacks shares; give the file that `vote` makes of --samples")
    return vote["confidences"]


def _empty_trace(window: Window) -> Prediction:
    return {
        "window_id": window["window_id"],
        "text": "",
        "finish_reason": "stop",
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "seed": 0,
    }
