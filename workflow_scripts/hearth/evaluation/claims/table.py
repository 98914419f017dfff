"""The table of claims: one row per claim and home, or pair of homes."""

from collections.abc import Sequence
from itertools import combinations

from hearth.evaluation.bootstrap import CONFIDENCE, TINY
from hearth.evaluation.claims import closeness, failures, growth, transfer
from hearth.evaluation.claims.verdicts import HELD, NOT_HELD, NOT_TESTABLE, Claim, NotTestableError
from hearth.evaluation.notes import dataset_name, table_notes
from hearth.evaluation.provenance import simulated_datasets
from hearth.evaluation.rendering import Column, Note, Table
from hearth.evaluation.score_document import Score, select_paper_scores
from hearth.evaluation.table_rows import Record
from hearth.evaluation.tables import check_scores

CLAIMS = (growth.CLAIM, closeness.CLAIM, failures.CLAIM, transfer.CLAIM)

# Text by `Finding.certain`: whether the intervals exclude the opposite verdict; empty without intervals.
CHANCE = {True: "beyond chance", False: "within chance", None: ""}
# Written in place of "beyond chance" if a test set is tiny, because the intervals of so few sessions are rough.
TOO_FEW = "too few sessions"

COLUMNS = {
    "claim": Column("Claim", number=False),
    "dataset": Column("Dataset", number=False),
    "verdict": Column("Verdict", number=False),
    "sure": Column("Chance", number=False),
    "because": Column("What decides it", number=False),
    "paper": Column("What the paper says", number=False),
}
_CHANCE_NOTE: Note = (
    "Chance",
    [
        f"{CHANCE[True]}: no value inside the {100 * CONFIDENCE:.0f} % intervals of the deciding differences gives the"
        f" opposite verdict; {CHANCE[False]}: some value does, so other sessions could have changed the verdict; empty:"
        " there is no interval",
        f"{TOO_FEW}: a test set has fewer than {TINY} sessions, so its intervals are too rough to say {CHANCE[True]}",
        "each verdict is judged by itself: with several homes and claims, some are beyond chance by chance alone",
    ],
)


def build_claims_table(scores: Sequence[Score], commit: str) -> Table:
    """Build the table of claims from all scores of a run; `commit` is named in the notes."""
    check_scores(scores)
    scores = select_paper_scores(scores)
    simulated = simulated_datasets(scores)
    rows = [(datasets, row) for claim in CLAIMS for datasets, row in _claim_rows(claim, scores)]
    marked = [
        row | {"dataset": ", ".join(dataset_name(name, simulated) for name in datasets)} for datasets, row in rows
    ]
    return Table(
        title="The paper's claims",
        caption="Each claim is decided by the scores of this run, home by home.",
        columns=list(COLUMNS.values()),
        cells=[[row[name] for name in COLUMNS] for row in marked],
        records=[row for _, row in rows],
        notes=[
            (
                "How claims are decided (the thresholds are ours: the paper gives none)",
                [f"{claim.name}: {claim.rule}" for claim in CLAIMS],
            ),
            _CHANCE_NOTE,
            ("The paper", ["its numbers are taken from summaries of the paper; its tables were not available to us"]),
            *table_notes(scores, commit),
        ],
    )


def _claim_rows(claim: Claim, scores: Sequence[Score]) -> list[tuple[tuple[str, ...], Record]]:
    """Return a (datasets, record) pair for every choice of as many homes as the claim needs.

    If there are fewer homes, the only pair says that the claim is not testable.
    """
    tested = tuple(dict.fromkeys(score["dataset"] for score in scores))
    choices = list(combinations(tested, claim.homes)) or [tested]
    return [
        (datasets, {"claim": claim.name, "dataset": ", ".join(datasets)} | _decide(claim, scores, datasets))
        for datasets in choices
    ]


def _decide(claim: Claim, scores: Sequence[Score], datasets: tuple[str, ...]) -> Record:
    try:
        if len(datasets) < claim.homes:
            raise NotTestableError(f"this needs {claim.homes} homes, and there are scores of {len(datasets)}")
        finding = claim.decide(scores, *datasets)
    except NotTestableError as reason:
        return {"verdict": NOT_TESTABLE, "sure": "", "because": str(reason), "paper": claim.paper}
    sessions = min(score["n_sessions"] for score in scores if score["dataset"] in datasets)
    return {
        "verdict": HELD if finding.holds else NOT_HELD,
        "sure": TOO_FEW if finding.certain and sessions < TINY else CHANCE[finding.certain],
        "because": finding.because,
        "paper": claim.paper,
    }
