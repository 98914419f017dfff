"""The report of a run: one self-contained HTML page of claims, figures and tables.

The functions that build the table files also build the tables of this page, so both say the same. The template escapes
all text except the drawings. The page's content security policy forbids scripts and network access.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from hearth.evaluation.audit_tables import AuditCounts, audit_table
from hearth.evaluation.claims.table import CLAIMS, COLUMNS, build_claims_table
from hearth.evaluation.claims.verdicts import HELD, NOT_HELD, NOT_TESTABLE, UNDECIDED, Claim
from hearth.evaluation.doubtful_answers import doubtful_answers
from hearth.evaluation.figures.names import ScoreFigure
from hearth.evaluation.figures.registry import CAPTIONS
from hearth.evaluation.forgetting import describe_losses
from hearth.evaluation.notes import Notes, dataset_name, stand_in_warnings, table_notes
from hearth.evaluation.provenance import simulated_datasets
from hearth.evaluation.rendering import Table
from hearth.evaluation.score_document import Score
from hearth.evaluation.tables import TableSpec, build_table

_VERDICT_CLASSES = {HELD: "held", NOT_HELD: "not-held", UNDECIDED: "undecided", NOT_TESTABLE: "not-testable"}


class ReportTable(TableSpec):
    """The specification of a table, and the [recogniser, dataset] pairs of its rows."""

    pairs: list[list[str]]


def render_report(
    scores: Sequence[Score],
    audits: Sequence[AuditCounts],
    specs: Mapping[str, ReportTable],
    drawings: Mapping[ScoreFigure, str],
    commit: str,
    template: str,
) -> str:
    """Return the report as HTML.

    `scores` and `audits` are all those of the run. `specs` maps the name of a table to its specification, `drawings`
    the name of a figure to its SVG text. `template` is the text of the Jinja template. Raises ValueError as
    `build_table` does, and for a pair without a score.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    simulated = simulated_datasets(scores)
    tables = {name: _build_table(name, spec, scores, commit) for name, spec in specs.items()}
    if audits:
        tiny = {score["teacher"] for score in scores if score["provenance"]["teacher_stand_in"]}
        tables["audit"] = audit_table(audits, simulated, sorted(tiny), commit)
    claims = build_claims_table(scores, commit)
    # Notes on all scores are shown once, for the whole page.
    notes = table_notes(scores, commit)
    return environment.from_string(template).render(
        warnings=stand_in_warnings(scores),
        doubts=doubtful_answers(scores),
        losses=describe_losses(scores),
        claims=_claims_with_rows(claims),
        steps=claims.below,
        figures={name: (CAPTIONS[name], inline_svg(svg, name)) for name, svg in drawings.items()},
        test_sets=_test_sets(scores, simulated),
        tables={name: (table, _own_notes(table.notes, notes)) for name, table in tables.items()},
        notes=notes,
        datasets={name: dataset_name(name, simulated) for name in dict.fromkeys(score["dataset"] for score in scores)},
        students=list(dict.fromkeys(score["recogniser"] for score in scores if score["kind"] == "student")),
    )


def inline_svg(svg: str, name: str) -> Markup:
    """Return the text of an SVG file as an element of an HTML page: without prolog, all ids prefixed with `name`.

    The prefix keeps the ids of several drawings on one page apart.
    """
    element = svg[svg.index("<svg") :]
    return Markup(re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", element))  # noqa: S704 - drawn by figure.py


def _build_table(name: str, spec: ReportTable, scores: Sequence[Score], commit: str) -> Table:
    by_pair = {(score["recogniser"], score["dataset"]): score for score in scores}
    selected = []
    for recogniser, dataset in spec["pairs"]:
        if (recogniser, dataset) not in by_pair:
            raise ValueError(f"table {name}: --scores has no score of {recogniser} on {dataset}")
        selected.append(by_pair[recogniser, dataset])
    table_spec = cast(TableSpec, {key: value for key, value in spec.items() if key != "pairs"})
    return build_table(table_spec, selected, commit)


def _test_sets(scores: Sequence[Score], simulated: Sequence[str]) -> list[str]:
    """Return one text per dataset: the numbers of its test windows and test sessions."""
    first = {score["dataset"]: score for score in reversed(scores)}
    return [
        f"{dataset_name(name, simulated)}: {first[name]['n_windows']} test windows of"
        f" {first[name]['n_sessions']} sessions"
        for name in dict.fromkeys(score["dataset"] for score in scores)
    ]


def _own_notes(notes: Notes, page_notes: Notes) -> Notes:
    """Return the notes of a table whose headings are not among those of the page."""
    headings = {heading for heading, _ in page_notes}
    return [(heading, statements) for heading, statements in notes if heading not in headings]


def _claims_with_rows(table: Table) -> list[tuple[Claim, list[dict[str, Any]]]]:
    """Return each claim that has rows, with these: texts of the table's cells by column, and a verdict's CSS class."""
    rows = [dict(zip(COLUMNS, cells, strict=True)) for cells in table.cells]
    for row, record in zip(rows, table.records, strict=True):
        row["class"] = _VERDICT_CLASSES[record["verdict"]]
    by_claim = [(claim, [row for row in rows if row["claim"] == claim.name]) for claim in CLAIMS]
    return [(claim, found) for claim, found in by_claim if found]
