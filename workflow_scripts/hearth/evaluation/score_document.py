"""The score document: the results of one recogniser on one dataset, as `score.py` writes them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple, NotRequired, TypedDict, get_args

from hearth.common.records import read_record
from hearth.distillation.recipes import PAPER_RECIPE
from hearth.evaluation.provenance import Provenance

Parsing = Literal["strict", "lenient"]
PARSINGS: tuple[Parsing, ...] = get_args(Parsing)

Kind = Literal["base", "student", "baseline"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Test windows are divided by complexity, see `hearth.data.complexity`.
Subset = Literal["simple", "complex"]
SUBSETS: tuple[Subset, ...] = get_args(Subset)

# The labels in which answers are scored: those of the home, or those that homes share (`common_labels` of a home).
Labels = Literal["native", "common"]

Headline = Literal["accuracy", "macro_f1", "weighted_f1", "micro_f1"]
HEADLINES: tuple[Headline, ...] = get_args(Headline)
# The cost of an event without a readable label: the recall of its gold label only, or precision too (`metrics`).
LostAnswers = Literal["recall", "precision"]
LOST_ANSWERS: tuple[LostAnswers, ...] = get_args(LostAnswers)
# Headline metrics that depend on it. Each has a name for either reading, whichever of them the headline shows.
READ_METRICS = ("macro_f1", "weighted_f1", "micro_f1")
READINGS = tuple(f"{name}_{reading}" for reading in LOST_ANSWERS for name in READ_METRICS)
RATES = ("ok_rate", "malformed_rate", "missing_rate", "unknown_rate")
METRICS: tuple[str, ...] = (*HEADLINES, *READINGS, *RATES)


class MetricSettings(TypedDict):
    """`metrics` of the config: the reading of lost answers in headline metrics, labels to leave out, token budgets."""

    lost_answers: LostAnswers
    without: dict[str, list[str]]
    token_budgets: list[int]


class Description(NamedTuple):
    """The heading of a metric in tables, and its definition in one line."""

    heading: str
    definition: str


LOST_ANSWER_RULES: dict[LostAnswers, str] = {
    "recall": "an event without a readable label costs its gold label recall and no label precision",
    "precision": "an event without a readable label costs its gold label recall, and precision too, as if it were a"
    " wrong label, spread over the labels as the recogniser's readable answers are",
}
DESCRIPTIONS: dict[str, Description] = {
    "accuracy": Description("Accuracy", "correctly labelled events / all events"),
    "macro_f1": Description("Macro F1", "mean F1 over the labels that occur in the tested windows"),
    "weighted_f1": Description(
        "Weighted F1", "mean F1 over the labels that occur in the tested windows, weighted by their numbers of events"
    ),
    "micro_f1": Description("Micro F1", "F1 over all events and all labels of the home"),
    **{
        f"{name}_{reading}": Description(f"{heading} (lost: {reading})", f"{heading}; {rule}")
        for reading, rule in LOST_ANSWER_RULES.items()
        for name, heading in (("macro_f1", "Macro F1"), ("weighted_f1", "Weighted F1"), ("micro_f1", "Micro F1"))
    },
    "ok_rate": Description("Ok windows", "windows with a label for every event / all windows"),
    "malformed_rate": Description("Malformed windows", "windows whose answer cannot be parsed / all windows"),
    "missing_rate": Description("Missing events", "events without an answer / all events"),
    "unknown_rate": Description(
        "Unknown labels",
        "events with a label outside the home's label list, in windows that answer every event / all events",
    ),
}

Interval = list[float]  # [lower bound, upper bound]


# The numbers of all groups, in their order, separated by spaces: a tenth of the size of a list of numbers.
NumberByGroup = str


class ParsingCounts(TypedDict):
    """Counts of the groups under one parsing.

    `predicted` counts events by predicted label, `right` counts correctly labelled events by label. `ok` and
    `malformed` count windows, `missing` and `unknown` count events (see `counts.count_groups`).
    """

    predicted: dict[str, NumberByGroup]
    right: dict[str, NumberByGroup]
    ok: NumberByGroup
    malformed: NumberByGroup
    missing: NumberByGroup
    unknown: NumberByGroup


class GroupCounts(TypedDict):
    """Counts of the groups of a split, from which all metrics follow, for labels that some event has as its gold label.

    Other labels need no counts: predicting one of them already leaves the gold label with fewer correct events.
    `names` are the sorted names of the groups, `windows` counts their windows, `gold` their events by gold label.
    """

    names: list[str]
    windows: NumberByGroup
    gold: dict[str, NumberByGroup]
    strict: ParsingCounts
    lenient: NotRequired[ParsingCounts]


class ClassMetrics(TypedDict):
    """Metrics of one label; `support` is the number of events with that gold label."""

    precision: float
    recall: float
    f1: float
    support: int


class Confusion(TypedDict):
    """Events by gold label (rows, in the order of `labels`) and predicted label (columns, as named in `columns`)."""

    labels: list[str]
    columns: list[str]
    counts: list[list[int]]


class Metrics(TypedDict):
    """Metrics of a set of windows under one parsing, as defined in `metrics`.

    `readings` has all `READINGS`, `rates` all `RATES`. `per_class` has all labels of the home. `status` counts windows
    by status.
    """

    accuracy: float
    macro_f1: float
    weighted_f1: float
    micro_f1: float
    readings: dict[str, float]
    per_class: dict[str, ClassMetrics]
    confusion: Confusion
    status: dict[str, int]
    rates: dict[str, float]


class ParsingMetrics(Metrics):
    """Metrics of all tested windows under one parsing.

    `intervals` has the bootstrap interval of each of `METRICS`, None if there is a single group.
    """

    intervals: dict[str, Interval | None]


class SubsetMetrics(Metrics):
    """Metrics of the simple or the complex test windows, with the counts of the groups that have such windows."""

    groups: GroupCounts


class Complexity(TypedDict):
    """Metrics of the simple and of the complex windows (strict parsing), None if there are no such windows.

    `rule` says in words which windows are complex.
    """

    rule: str
    simple: SubsetMetrics | None
    complex: SubsetMetrics | None


# Metrics of a part of the tested events.
PART_METRICS = ("accuracy", "macro_f1", "weighted_f1")


class PartMetrics(TypedDict):
    """`metrics` and `intervals` (`PART_METRICS`) of a part of the tested events, strictly parsed (`parts`).

    `windows` and `n_groups` count the windows and the groups that such an event is in. Intervals are None for a part of
    too few groups.
    """

    windows: int
    events: int
    n_groups: int
    metrics: dict[str, float]
    intervals: dict[str, Interval | None]


class WithoutMetrics(PartMetrics):
    """Metrics of the events whose gold label is none of `labels`, the labels of the home that are left out.

    `groups` has the counts of the groups with such events, strict parsing.
    """

    labels: list[str]
    groups: GroupCounts


class Breakdown(TypedDict):
    """Metrics of parts of the tested events.

    `residents_present` divides the windows by their number of known residents, `resident` has the events of each
    resident, alone or jointly with others, and `activities` divides the windows into those of "one" gold label and of
    "several".
    """

    residents_present: dict[str, PartMetrics]
    resident: dict[str, PartMetrics]
    activities: dict[str, PartMetrics]


class LabelSegments(TypedDict):
    """Numbers of the segments of one label, and of those that were found."""

    segments: int
    found: int


class SegmentMetrics(TypedDict):
    """Metrics of segments, strictly parsed, as defined in `segments.DEFINITIONS`.

    `onset_mean` and `onset_median` are seconds, None if no segment was found. `intervals` has those of `found`,
    `found_by_majority` and `onset_mean`, None where one is undefined. `by_label` has the labels that a segment has.
    """

    segments: int
    found: float
    found_by_majority: float
    onset_mean: float | None
    onset_median: float | None
    intervals: dict[str, Interval | None]
    by_label: dict[str, LabelSegments]


class Tokens(TypedDict):
    """Total numbers of tokens of all prompts and of all completions; None if a server did not say one of them."""

    prompt: int | None
    completion: int | None


# "from" is a keyword of Python, so this type cannot be written as a class.
ReliabilityBin = TypedDict(
    "ReliabilityBin",
    {"from": float, "to": float, "events": int, "confidence": float | None, "accuracy": float | None},
)


class Confidence(TypedDict):
    """Calibration of a recogniser, as defined in `calibration.measure_calibration`."""

    n_events: int
    coverage: float
    accuracy: float
    mean_confidence: float
    ece: float
    brier: float
    bins: list[ReliabilityBin]
    selective: dict[str, float]
    aurc: float


class Budget(TypedDict):
    """Results if answers had at most `max_new_tokens` tokens, with strict parsing (`budgets.measure_budgets`).

    `truncated_rate` is the share of windows whose answer would have been cut off.
    """

    max_new_tokens: int
    truncated_rate: float
    weighted_f1: float
    interval: Interval | None


class LabelResults(TypedDict):
    """The part of a score that tables read as metrics, in the home's labels or in those that homes share."""

    groups: GroupCounts
    strict: ParsingMetrics
    lenient: ParsingMetrics
    complexity: Complexity


class Score(LabelResults):
    """The results of one recogniser on the tested windows of one dataset.

    `labels` says in which labels they are: "common" if the recogniser itself answers in labels that homes share.
    `common` has the results of one that answers in the home's labels, in common ones; it is present if the home maps
    its labels. `train_datasets` are the datasets that a recogniser learned from, none for a base. For all but students,
    `base`, `teacher`, `recipe` and `train_dataset` are "", `replay` 0, and `learning_rate`, `rank` (of the adapter) and
    `balance` are None. `train_dataset` names the dataset or the set of datasets that a student learned from. `variant`
    names how a recogniser differs from the main one of its kind, "" for the main one. `parameters` is None if unknown.
    `confidence` is present only if the predictions have confidences. `lost_answers` is the reading of the headline
    metrics. `without` has the metrics without each named set of labels, None if no event is left. `n_truncated` counts
    the windows whose answer was cut off at the token limit. `budgets` is empty for baselines and where lengths of
    answers are unknown. `oddities` counts the odd answers of servers (`hearth.prompting.oddities`); it is present if
    there are any. `unanswered_reason` is the most frequent reason of unanswered windows; it is present if there are
    such windows. `answered_by` counts the answers of each model, provider or build behind a server; present if there
    are several.
    """

    recogniser: str
    dataset: str
    kind: Kind
    base: str
    variant: str
    teacher: str
    recipe: str
    train_dataset: str
    train_datasets: list[str]
    learning_rate: float | None
    rank: int | None
    balance: str | None
    replay: float
    parameters: int | None
    n_windows: int
    n_events: int
    n_sessions: int
    n_groups: int
    lost_answers: LostAnswers
    labels: Labels
    common: NotRequired[LabelResults]
    without: dict[str, WithoutMetrics | None]
    breakdown: Breakdown
    segments: SegmentMetrics
    tokens: Tokens
    n_truncated: int
    budgets: list[Budget]
    confidence: NotRequired[Confidence]
    oddities: NotRequired[dict[str, int]]
    unanswered_reason: NotRequired[str]
    answered_by: NotRequired[dict[str, int]]
    provenance: Provenance


def read_score(path: Path) -> Score:
    """Read a score file. Raises ValueError, which names the file and the key at fault, for any other file."""
    try:
        return read_record(path, Score)
    except ValueError as error:
        raise ValueError(f"{error}; this is not a score file of this version: run the rule `score` again") from None


def metric_value(metrics: Metrics, name: str) -> float:
    """Return one of `METRICS`. Raises KeyError for another name."""
    headlines: dict[str, float] = {headline: metrics[headline] for headline in HEADLINES}
    return (headlines | metrics["readings"] | metrics["rates"])[name]


def seen_datasets(score: Score) -> set[str]:
    """Return the datasets that a recogniser has seen labelled windows of: in its training, or in its prompt."""
    prompt = score["provenance"]["prompt"]
    shown = {score["dataset"]} if prompt and prompt.get("shots") else set()
    return {*score["train_datasets"]} | shown


def knows_home(score: Score) -> bool:
    """Whether a student learned from the dataset that it is tested on, alone or among others."""
    return score["dataset"] in score["train_datasets"]


def select_paper_scores(scores: Iterable[Score]) -> list[Score]:
    """Return the scores that the paper is about.

    These are base models of known size and students of the paper's recipe, both without a variant.
    """
    return [
        score
        for score in scores
        if score["parameters"] and not score["variant"] and score["recipe"] in ("", PAPER_RECIPE)
    ]
