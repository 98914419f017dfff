"""The audit of a teacher's traces on a split: which checks each trace fails, and the labels that it gives.

The checks (`trace_checks.py`) do not see the gold labels. The audit has them beside, and its table (`audit_tables.py`)
compares the accuracy of flagged and other traces.
"""

from collections.abc import Iterable, Iterator, Mapping

from hearth.data.folds import SessionSplit
from hearth.data.gold_labels import map_to_gold
from hearth.data.windows import Window
from hearth.distillation.documents import AuditedTrace as FlaggedTrace
from hearth.distillation.documents import AuditHead as TrainingHead
from hearth.evaluation.trace_checks import Trace, failed_checks
from hearth.evaluation.trace_vocabulary import Vocabulary
from hearth.homes.home import Home
from hearth.prompting.predictions import ParsedPrediction
from hearth.prompting.prompts import Prompt


class AuditHead(TrainingHead):
    """The first row of an audit; `labels` are all labels of the home."""

    labels: list[str]


class AuditedTrace(FlaggedTrace):
    """One audited trace: its group, the recorded labels of its events, and the labels that it gives them (strictly).

    A given label that is one of several correct labels of its event is replaced by the recorded one. `flags` maps the
    name of each failed check to its findings. A trace that fails at least one check is flagged.
    """

    group: str
    gold: list[str]
    labels: list[str | None]


def audit_head(recogniser: str, dataset: str, home: Home, prompt: Prompt) -> AuditHead:
    """Return the first row of an audit of the traces of one recogniser in a home, which answer `prompt`."""
    return {
        "recogniser": recogniser,
        "dataset": dataset,
        "labels": list(home.labels),
        "prompt": {"version": prompt["version"], "reasoning": prompt["reasoning"]},
    }


def audit_traces(
    home: Home, prompt: Prompt, sessions: Mapping[str, SessionSplit], pairs: Iterable[tuple[Window, ParsedPrediction]]
) -> Iterator[AuditedTrace]:
    """Audit the answers of a recogniser to `prompt`, given as (window, prediction) pairs, one at a time.

    `sessions` are those of splits.json.

    A window of status unanswered has no trace and is left out.

    Raises ValueError if a prediction has not exactly one label, or None, for each event of its window.
    """
    vocabulary = Vocabulary(home)
    for window, prediction in pairs:
        gold, labels = window["gold"], prediction["labels"]
        if prediction["status"] == "unanswered":
            continue
        if len(labels) != len(gold):
            raise ValueError(
                f"window {window['window_id']} has {len(gold)} events and {len(labels)} labels; run the rule"
                " `parse_predictions` again"
            )
        yield {
            "window_id": window["window_id"],
            "group": sessions[window["session"]]["group"],
            "gold": gold,
            "labels": map_to_gold(window, labels),
            "flags": failed_checks(Trace(vocabulary, prompt, window, prediction)),
        }
