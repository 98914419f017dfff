"""Say what stands behind one cell of a run's table: score, prompt, data, model, training, and three answers."""

import argparse
from pathlib import Path

from hearth.common.cli import UserError, run
from hearth.common.files import read_json, read_json_lines
from hearth.common.schemas import nearest
from hearth.evaluation import lineage, tables
from hearth.evaluation.code_version import git_commit
from hearth.evaluation.scores import read_score
from hearth.evaluation.table_rows import rows_of
from hearth.workflow.recognisers import recognisers, table_pairs


def main(argv: list[str] | None = None) -> None:
    """Read a finished run, print the explanation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path(), help="the run's working directory: demo, or a scratch")
    parser.add_argument("table", help="name of the table, as its file")
    parser.add_argument("recogniser", help="the row's recogniser")
    parser.add_argument("dataset", help="the row's dataset")
    parser.add_argument("column", nargs="?", default=lineage.USUAL_COLUMN, help="a column of the table's CSV")
    arguments = parser.parse_args(argv)
    results = arguments.run / "results"
    config = read_json(needed(results / "run_config.json", "--run names no working directory of a run"))
    pairs = selected(config, arguments.table)
    made = f"make it: snakemake table_{arguments.table}"
    scores = [read_score(needed(results / "scores" / name / f"{dataset}.json", made)) for name, dataset in pairs]
    spec = config["tables"][arguments.table]
    rows = rows_of(scores, spec["seeds"])
    place = lineage.named_row(rows, arguments.recogniser, arguments.dataset)
    row, commit = rows[place], commit_of(results)
    table = tables.build({key: spec[key] for key in ("title", "seeds")}, scores, commit)
    windows = results / "datasets" / row.dataset / "windows.jsonl"
    predictions = results / "predictions" / row.scores[0]["recogniser"] / row.dataset / "test" / "parsed.jsonl"
    found = lineage.traces(lines(needed(windows, made)), lines(needed(predictions, made)))
    notes = [
        *lineage.cell(table, place, row, arguments.column),
        *lineage.grounds(row, recognisers(config), commit),
    ]
    print(lineage.text(notes, found, str(windows), str(predictions)), end="")


def selected(config: dict, table: str) -> list[tuple[str, str]]:
    """The (recogniser, dataset) pairs of a table of a run's config; raises UserError for a table it has not."""
    if table not in config["tables"]:
        raise UserError(
            f"unknown table {table!r}{nearest(table, config['tables'])}; tables that every run makes, such as cost, are"
            " not of scores and say themselves what they are made of"
        )
    return table_pairs(config, table)


def needed(path: Path, otherwise: str) -> Path:
    """A path that must be there."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; {otherwise}")
    return path


def lines(path: Path) -> list[tuple[int, dict]]:
    """The rows of a file of JSON lines, each with its line."""
    return list(enumerate(read_json_lines(path), start=1))


def commit_of(results: Path) -> str:
    """The commit that made a run; that of this code where the run does not say."""
    path = results / "provenance.json"
    return read_json(path)["code"]["commit"] if path.is_file() else git_commit()


if __name__ == "__main__":
    run(main)
