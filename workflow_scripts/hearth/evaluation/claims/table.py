"""The table of claims: one row per claim and home, or pair of homes, with its effect and verdict."""

from collections.abc import Sequence
from itertools import combinations

from hearth.evaluation import statistics
from hearth.evaluation.bootstrap import CONFIDENCE, FEWEST_GROUPS, TINY
from hearth.evaluation.claims import closeness, failures, growth, left_out, transfer
from hearth.evaluation.claims.estimates import Estimate
from hearth.evaluation.claims.measures import DIFFERENCE, format_p, select_scores, tested_homes
from hearth.evaluation.claims.steps import build_steps_table
from hearth.evaluation.claims.verdicts import (
    ALL_HOMES,
    HELD,
    NOT_HELD,
    NOT_TESTABLE,
    UNDECIDED,
    Claim,
    NotTestableError,
)
from hearth.evaluation.counts import counts_of_score
from hearth.evaluation.notes import dataset_name, short_notes, table_notes
from hearth.evaluation.paper_form import PaperCell, PaperColumn, PaperForm
from hearth.evaluation.provenance import simulated_datasets
from hearth.evaluation.rendering import Column, Note, Table, cell_text, with_interval
from hearth.evaluation.score_document import Score
from hearth.evaluation.table_rows import Record
from hearth.evaluation.tables import check_scores

CLAIMS = (*growth.CLAIMS, *closeness.CLAIMS, *failures.CLAIMS, *transfer.CLAIMS, *left_out.CLAIMS)

COLUMNS = {
    "claim": Column("Claim", number=False),
    "dataset": Column("Dataset", number=False),
    "verdict": Column("Verdict", number=False),
    "effect": Column("Effect", DIFFERENCE, number=False),
    "weakest": Column("Weakest condition, if not the effect", DIFFERENCE, number=False),
    "p": Column("p", format_p),
    "p_holm": Column("p (Holm)", format_p),
    "because": Column("What decides it", number=False),
    "paper": Column("What the paper says", number=False),
}
# Columns of numbers with an interval, and the columns of their units.
_UNITS = {"effect": "unit", "weakest": "weakest_unit"}
_NUMBERS = tuple(part for name, unit in _UNITS.items() for part in (name, unit, f"{name}_low", f"{name}_high"))
_CERTAINTY = f"{100 * CONFIDENCE:.0f} % intervals"
# The text of a verdict that Holm's correction would take back.
HELD_BEFORE_HOLM = f"{HELD}, not after Holm"
VERDICTS_NOTE: Note = (
    "Verdicts",
    [
        f"{HELD}: the {_CERTAINTY} of all deciding numbers lie where the claim says; {NOT_HELD}: one of them lies"
        f" wholly where the claim denies; {UNDECIDED}: neither, so other groups could decide either way;"
        f" {NOT_TESTABLE}: something is missing",
        f"below {FEWEST_GROUPS} tested groups there are no intervals, so everything is {UNDECIDED}; below {TINY}"
        " intervals are rough; the reason says so",
        "p: of the hypothesis that the claim is false, so small where a claim is held; p (Holm): corrected for the"
        " number of claims in this table; of a claim about several pairs of homes, for the number of these pairs",
        f"verdicts use uncorrected intervals; {HELD_BEFORE_HOLM}: Holm's correction would take this verdict back (other"
        " verdicts are not corrected)",
        "weakest condition: the number that decides a claim of several conditions, where it is not the effect",
    ],
)


def build_claims_table(scores: Sequence[Score], commit: str) -> Table:
    """Build the table of claims from all scores of a run; `commit` is named in the notes.

    Raises ValueError if scores on one dataset are not of the same groups and events.
    """
    check_scores(scores)
    # A run without a score that the paper is about has rows for all claims, and none is testable.
    compared = select_scores(scores)
    every = transfer.select_scores(scores)
    for dataset in dict.fromkeys(score["dataset"] for score in every):
        statistics.check_paired([counts_of_score(score) for score in every if score["dataset"] == dataset])
    simulated = simulated_datasets(scores)
    by_claim = [(claim, rows) for claim in CLAIMS if (rows := _claim_rows(claim, scores))]
    _correct([(claim, [row for _, row in rows]) for claim, rows in by_claim])
    rows = [one for _, found in by_claim for one in found]
    marked = [
        row | {"dataset": _shown_datasets(claim, names, simulated)} for claim, found in by_claim for names, row in found
    ]
    return Table(
        title="The paper's claims",
        caption="Each claim is decided by the scores of this run, home by home.",
        columns=list(COLUMNS.values()),
        cells=[_cells(row) for row in marked],
        records=[row for _, row in rows],
        notes=[VERDICTS_NOTE, *short_notes(scores)],
        grounds=[
            (
                "How claims are decided (a margin is ours unless it is said to be the paper's)",
                [f"{claim.name}: {claim.rule}" for claim, _ in by_claim],
            ),
            VERDICTS_NOTE,
            ("The paper", ["its numbers are taken from summaries of the paper; its tables were not available to us"]),
            *table_notes(scores, commit),
        ],
        below=build_steps_table(compared, simulated),
        paper=_paper_form([claim for claim, found in by_claim if not _has_several_pairs(claim, len(found))], marked),
    )


def _claim_rows(claim: Claim, scores: Sequence[Score]) -> list[tuple[tuple[str, ...], Record]]:
    """Return a (datasets, record) pair for every choice of as many homes as the claim needs.

    If there are fewer homes, the only pair says that the claim is not testable; of a claim that does not arise in the
    run there is none.
    """
    tested = (claim.datasets or tested_homes)(scores)
    if tested is None:
        return []
    choices = [tuple(tested)] if claim.homes == ALL_HOMES else list(combinations(tested, claim.homes))
    return [
        (datasets, {"claim": claim.name, "dataset": ", ".join(datasets)} | _decide(claim, scores, datasets))
        for datasets in choices or [tuple(tested)]
    ]


def _correct(claims: Sequence[tuple[Claim, Sequence[Record]]]) -> None:
    """Add the corrected p to the rows of all claims: several pairs of homes are corrected among themselves."""
    families: dict[str, list[Record]] = {}
    for claim, rows in claims:
        families.setdefault(claim.name if _has_several_pairs(claim, len(rows)) else "", []).extend(rows)
    for rows in families.values():
        for row, adjusted in zip(rows, statistics.holm([row["p"] for row in rows]), strict=True):
            row["p_holm"] = adjusted
            if _taken_back(row):
                row["because"] += "; held by its own interval, not after Holm's correction for the other rows"


def _has_several_pairs(claim: Claim, rows: int) -> bool:
    return claim.homes > 1 and rows > 1


def _shown_datasets(claim: Claim, datasets: Sequence[str], simulated: Sequence[str]) -> str:
    """Return the homes of a row for readers; of a claim about all homes, their number."""
    if claim.homes == ALL_HOMES:
        count = sum(name in simulated for name in datasets)
        return f"{len(datasets)} homes" + (f" ({count} simulated)" if count else "")
    return ", ".join(dataset_name(name, simulated) for name in datasets)


def _decide(claim: Claim, scores: Sequence[Score], datasets: tuple[str, ...]) -> Record:
    """Return the columns of a row that the claim's finding fills; all numbers are None if it is not testable."""
    try:
        if len(datasets) < claim.homes:
            raise NotTestableError(_missing_homes(claim.homes, len(datasets)))
        finding = claim.decide((claim.select or select_scores)(scores), *datasets)
    except NotTestableError as reason:
        numbers = dict.fromkeys((*_NUMBERS, "p", "p_holm", "groups"))
        return {"verdict": NOT_TESTABLE, **numbers, "because": str(reason), "paper": claim.paper}
    doubt = "there are no intervals" if finding.groups < FEWEST_GROUPS else "intervals are rough"
    tested = f"{finding.groups} tested group{'s' * (finding.groups > 1)}"
    rough = f"; only {tested}, so {doubt}" if finding.groups < TINY else ""
    weakest = finding.weakest
    return {
        "verdict": finding.verdict,
        **_estimate("effect", finding.effect, finding.unit),
        **_estimate("weakest", weakest.margin if weakest.name else None, weakest.name or None),
        "p": finding.p,
        "p_holm": None,
        "groups": finding.groups,
        "because": finding.because + rough,
        "paper": claim.paper,
    }


def _missing_homes(needed: int, present: int) -> str:
    if not present:
        return (
            "no score of a language model of known size, or of its student by the paper's recipe, without a variant:"
            " select them in `tables` (models in `models`, students in `students.bases`)"
        )
    return (
        f"this needs {needed} homes, and there are scores of {present}: select them on more of `datasets` in `tables`"
    )


def _estimate(name: str, estimate: Estimate | None, unit: str | None) -> Record:
    """Return the columns of a number with its unit and interval; all are None without a number."""
    low, high = (estimate and estimate.interval) or (None, None)
    value = None if estimate is None else estimate.value
    return {name: value, _UNITS[name]: unit, f"{name}_low": low, f"{name}_high": high}


def _paper_form(claims: Sequence[Claim], records: Sequence[Record]) -> PaperForm:
    """Return the verdicts with their effects, a row for each of the claims and a column for each home or pair of homes.

    Claims about several pairs, for which there is no room, are not among them; a footnote names them.
    """
    names = {claim.name for claim in claims}
    left_out = dict.fromkeys(record["claim"] for record in records if record["claim"] not in names)
    homes = sorted(
        dict.fromkeys(record["dataset"] for record in records if record["claim"] in names),
        key=lambda name: ", " in name,
    )
    shown = {(record["claim"], record["dataset"]): _paper_cell(record) for record in records}
    return PaperForm(
        [PaperColumn(home, "") for home in homes],
        [(claim.name, [shown.get((claim.name, home)) for home in homes]) for claim in claims],
        [
            f"below a verdict: its effect with the {_CERTAINTY[:-1]}, and the weakest condition where that is another"
            " number; verdicts use uncorrected intervals",
            *([f"not shown: {'; '.join(left_out)} (a row for each pair of homes in .md and .csv)"] if left_out else []),
        ],
        "Claim",
    )


def _paper_cell(record: Record) -> PaperCell:
    shown = dict(zip(COLUMNS, _cells(record), strict=True))
    weakest = f"; weakest: {shown['weakest']}" if shown["weakest"] else ""
    return PaperCell(shown["verdict"], deviation="", interval=shown["effect"] + weakest, best=False, marked=False)


def _taken_back(record: Record) -> bool:
    """Whether a claim is held by its own intervals, but not after Holm's correction for the other rows."""
    return record["verdict"] == HELD and record["p_holm"] is not None and record["p_holm"] > 1 - CONFIDENCE


def _cells(record: Record) -> list[str]:
    shown = {name: cell_text(column, record[name]) for name, column in COLUMNS.items()}
    if _taken_back(record):
        shown["verdict"] = HELD_BEFORE_HOLM
    for name, unit in _UNITS.items():
        if record[name] is not None:
            low, high = record[f"{name}_low"], record[f"{name}_high"]
            interval = None if low is None else (low, high)
            shown[name] = f"{with_interval(shown[name], interval, DIFFERENCE)} {record[unit]}"
    return list(shown.values())
