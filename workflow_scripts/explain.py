"""Explain one cell of a run's table: its score, prompt, data, model and training, and three example answers."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from hearth.common.cli import UserError, run
from hearth.common.files import read_json_object
from hearth.common.schemas import nearest
from hearth.data.windows import Window, iterate_windows
from hearth.distillation.recipes import RECIPES
from hearth.evaluation import lineage, tables
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.common_labels import in_labels
from hearth.evaluation.paper_table import row_names
from hearth.evaluation.score_document import read_score
from hearth.evaluation.table_rows import build_rows
from hearth.prompting.predictions import ParsedPrediction, iterate_parsed_predictions
from hearth.workflow.config_types import Config
from hearth.workflow.on_policy import policy_name
from hearth.workflow.recognisers import Recogniser, recognisers, scored_splits, traces_split
from hearth.workflow.selection import table_pairs
from hearth.workflow.students import rounds_until, student_folds, students


def main(argv: list[str] | None = None) -> None:
    """Read a finished run; print the explanation of the cell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--run", type=Path, default=Path(), help="working directory of the run, such as demo or a scratch directory"
    )
    parser.add_argument("table", help="name of the table, which is that of its files")
    parser.add_argument("recogniser", help="recogniser of the row")
    parser.add_argument("dataset", help="dataset of the row")
    parser.add_argument("column", nargs="?", default=lineage.DEFAULT_COLUMN, help="column of the table's CSV")
    arguments = parser.parse_args(argv)
    results = arguments.run / "results"
    run_config = existing_file(results / "run_config.json", "--run must name the working directory of a run")
    config = cast(Config, read_json_object(run_config))
    pairs = selected_pairs(config, arguments.table)
    remedy = f"make it: snakemake table_{arguments.table}"
    scores = [
        read_score(existing_file(results / "scores" / name / f"{dataset}.json", remedy)) for name, dataset in pairs
    ]
    spec = config["tables"][arguments.table]
    labels = spec["labels"]
    rows = build_rows(in_labels(scores, labels), spec["seeds"])
    commit = run_commit(results)
    table_spec: tables.TableSpec = {"title": spec["title"], "seeds": spec["seeds"], "labels": labels}
    table = tables.build_table(table_spec, scores, commit)
    position = lineage.find_row(rows, row_names(table.records), arguments.recogniser, arguments.dataset)
    row = rows[position]
    windows = results / "datasets" / row.dataset / "windows.jsonl"
    known = recognisers(config)
    split, *_ = scored_splits(config, known[row.scores[0]["recogniser"]], row.dataset)
    predictions = results / "predictions" / row.scores[0]["recogniser"] / row.dataset / split / "parsed.jsonl"
    tested: Iterable[tuple[int, Window]] = enumerate(iterate_windows(existing_file(windows, remedy)), start=1)
    answers: Iterable[tuple[int, ParsedPrediction]] = enumerate(
        iterate_parsed_predictions(existing_file(predictions, remedy)), start=1
    )
    if labels == "common":
        tested, answers = lineage.answers_in_common_labels(tested, answers, row.scores[0])
    examples = lineage.select_examples(tested, answers)
    notes = [
        *lineage.cell_notes(table, position, row, arguments.column, labels),
        *lineage.row_notes(row, known, student_traces(config, known), commit, round_files(config, known)),
    ]
    print(lineage.render_text(notes, examples, str(windows), str(predictions)), end="")


def student_traces(config: Config, known: dict[str, Recogniser]) -> dict[str, list[str]]:
    """Return a dict from each student's recogniser to the split of its traces in each fold, "" without a teacher."""
    return {
        name: [
            traces_split(config, known[one.student.teacher], one.student.datasets[0], fold)
            if one.student.teacher
            else ""
            for fold in student_folds(config, one.student)
        ]
        for name, one in known.items()
        if one.student
    }


def round_files(config: Config, known: dict[str, Recogniser]) -> dict[str, list[str]]:
    """Return a dict from each student's recogniser to the files of its earlier rounds, and of scored text."""
    declared, files = students(config), dict[str, list[str]]()
    for name, one in known.items():
        student = one.student
        if not student or RECIPES[student.recipe].reads != "log_probabilities":
            continue
        earlier = [each.name for each in rounds_until(declared, student)[:-1]]
        policies = [policy_name(each) for each in earlier]
        files[name] = [f"results/students/{each}/ (an earlier round)" for each in earlier]
        for learned in student.datasets:
            files[name] += [f"results/predictions/{each}/{learned}/ (text of the student's own)" for each in policies]
            files[name] += [
                f"results/log_probabilities/{student.teacher}/{writer}/{learned}/ (the teacher's likeliest tokens)"
                for writer in (student.teacher, *policies)
            ]
    return files


def selected_pairs(config: Config, table: str) -> list[tuple[str, str]]:
    """Return the (recogniser, dataset) pairs of a table in a run's config. Raises UserError for an unknown table."""
    if table not in config["tables"]:
        raise UserError(
            f"unknown table {table!r}{nearest(table, config['tables'])}; only the tables that the config declares can"
            " be explained, not the tables that every run has, such as cost"
        )
    return table_pairs(config, table)


def existing_file(path: Path, remedy: str) -> Path:
    """Return `path` if it is a file. Raises UserError with `remedy` otherwise."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; {remedy}")
    return path


def run_commit(results: Path) -> str:
    """Return the commit that made a run, or that of this code if the run has no provenance.json."""
    path = results / "provenance.json"
    return read_json_object(path)["code"]["commit"] if path.is_file() else git_commit()


if __name__ == "__main__":
    run(main)
