"""The report of a run: one page of claims, figures and tables that needs nothing but itself.

Built from scores and audits, by the functions that build the tables, so the page and the files beside it say the same.
The template escapes every text; only the drawings go in as they are. The page's policy forbids scripts and the network.
"""

import re

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from hearth.evaluation import audit, provenance, tables
from hearth.evaluation.claims import table as claims
from hearth.evaluation.claims.verdicts import HELD, NOT_HELD, NOT_TESTABLE, Claim
from hearth.evaluation.figures import CAPTIONS
from hearth.evaluation.notes import Notes, dataset_name, stand_in_warnings, table_notes
from hearth.evaluation.rendering import Table

_VERDICT_CLASSES = {HELD: "held", NOT_HELD: "not-held", NOT_TESTABLE: "not-testable"}


def page(
    scores: list[dict],
    audits: list[dict],
    specs: dict[str, dict],
    drawings: dict[str, str],
    commit: str,
    template: str,
) -> str:
    """The report as HTML.

    `scores` and `audits` are all of the run's; `specs` maps a table's name to its specification with the
    (recogniser, dataset) `pairs` of its rows; `drawings` maps a figure's name to its SVG. Raises ValueError as
    `tables.build_table` does, and where a table names a score that is not there.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    claimed = claims.build_claims_table(scores, commit)
    # The page has each claim's rule beside it; what else the claims rest on is what all scores rest on.
    grounds = table_notes(scores, commit)
    shown = {name: _table(name, spec, scores, commit) for name, spec in specs.items()}
    simulated = provenance.simulated_datasets(scores)
    if audits:
        tiny = {score["teacher"] for score in scores if score["provenance"]["teacher_stand_in"]}
        shown["audit"] = audit.audit_table(audits, simulated, sorted(tiny), commit)
    return environment.from_string(template).render(
        stand_ins=stand_in_warnings(scores),
        claims=_grouped(claimed),
        figures={name: (CAPTIONS[name], inline(svg, name)) for name, svg in drawings.items()},
        tested=_tested(scores, simulated),
        tables={name: (table, _particular(table.notes, dict(grounds))) for name, table in shown.items()},
        grounds=grounds,
        datasets={name: dataset_name(name, simulated) for name in dict.fromkeys(score["dataset"] for score in scores)},
        students=list(dict.fromkeys(score["recogniser"] for score in scores if score["kind"] == "student")),
    )


def inline(svg: str, name: str) -> Markup:
    """An SVG file as an element of a page that holds others: no prolog, and ids that are its own."""
    element = svg[svg.index("<svg") :]
    return Markup(re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", element))  # noqa: S704 - drawn by figures.py


def _table(name: str, spec: dict, scores: list[dict], commit: str) -> Table:
    by_pair = {(score["recogniser"], score["dataset"]): score for score in scores}
    pairs = [tuple(pair) for pair in spec["pairs"]]
    for recogniser, dataset in pairs:
        if (recogniser, dataset) not in by_pair:
            raise ValueError(f"table {name}: no score of {recogniser} on {dataset} was given")
    declared = {key: value for key, value in spec.items() if key != "pairs"}
    return tables.build_table(declared, [by_pair[pair] for pair in pairs], commit)


def _tested(scores: list[dict], simulated: list[str]) -> list[str]:
    """How much of every dataset the numbers are of."""
    first = {score["dataset"]: score for score in reversed(scores)}
    return [
        f"{dataset_name(name, simulated)}: {first[name]['n_windows']} test windows of"
        f" {first[name]['n_sessions']} sessions"
        for name in dict.fromkeys(score["dataset"] for score in scores)
    ]


def _particular(notes: Notes, grounds: dict[str, list[str]]) -> Notes:
    """The statements of a table's notes that do not stand among those of the whole run."""
    left = ((heading, [said for said in found if said not in grounds.get(heading, ())]) for heading, found in notes)
    return [(heading, found) for heading, found in left if found]


def _grouped(claimed: Table) -> list[tuple[Claim, list[dict]]]:
    """Every claim with its rows; their datasets as the table shows them, and a class for the page's style."""
    names = list(claims.COLUMNS)
    rows = [dict(zip(names, cells, strict=True)) for cells in claimed.cells]
    for row in rows:
        row["class"] = _VERDICT_CLASSES[row["verdict"]]
    return [(claim, [row for row in rows if row["claim"] == claim.name]) for claim in claims.CLAIMS]
