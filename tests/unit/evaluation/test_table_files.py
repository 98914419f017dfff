"""Test the program that writes a table from score files."""

import json

import pandas as pd
import pytest
import table
from factories import (
    make_student_metadata,
    write_inputs,
)
from hearth.evaluation.figures.registry import render
from hearth.evaluation.score_document import read_score
from score_runs import make_baseline_metadata, run_parse, run_score


@pytest.fixture
def paths(tmp_path):
    return write_inputs(tmp_path)


def test_a_table_from_scores(paths, tmp_path):
    run_parse(paths)
    run_score(paths, tmp_path / "base.json")
    run_score(paths, tmp_path / "student.json", make_student_metadata(), "little_reasoning_made-up", student=True)
    outs = {form: tmp_path / f"table.{form}" for form in ("md", "csv", "tex")}
    table.main(
        [
            *("--name", "distillation", "--spec", json.dumps({"title": "Students", "caption": "", "columns": []})),
            *("--scores", str(tmp_path / "student.json"), str(tmp_path / "base.json")),
            *("--markdown", str(outs["md"]), "--csv", str(outs["csv"]), "--tex", str(outs["tex"])),
        ]
    )
    frame = pd.read_csv(outs["csv"], comment="#")
    assert frame["recogniser"].tolist() == ["little_reasoning_made-up", "little"]
    assert frame["gain_over_base"].tolist()[0] == 0.0
    assert frame["n_events"].dtype == "int64"
    assert "| little_reasoning_made-up |" in outs["md"].read_text()
    assert "\n# Code: git commit " in outs["csv"].read_text()
    assert r"\label{tab:distillation}" in outs["tex"].read_text()
    assert str(tmp_path) not in "".join(path.read_text() for path in outs.values())


def test_a_table_of_a_file_that_is_no_score_is_an_error(paths, tmp_path):
    with pytest.raises(ValueError, match=r"snapshot.json has no 'groups'; this is not a score file"):
        table.main(
            [
                *("--name", "t", "--spec", '{"title": "T"}', "--scores", str(paths["model"])),
                *("--markdown", str(tmp_path / "a"), "--csv", str(tmp_path / "b"), "--tex", str(tmp_path / "c")),
            ]
        )


def test_tables_and_figures_show_baselines_beside_language_models(paths, tmp_path):
    run_parse(paths)
    run_score(paths, tmp_path / "base.json")
    run_score(paths, tmp_path / "majority.json", make_baseline_metadata(), "majority", model=False)
    outs = {form: tmp_path / f"table.{form}" for form in ("md", "csv", "tex")}
    table.main(
        [
            *(
                "--name",
                "t",
                "--spec",
                json.dumps({"title": "T", "columns": ["recogniser", "reasoning", "parameters"]}),
            ),
            *("--scores", str(tmp_path / "majority.json"), str(tmp_path / "base.json")),
            *("--markdown", str(outs["md"]), "--csv", str(outs["csv"]), "--tex", str(outs["tex"])),
        ]
    )
    assert "| majority | | |" in " ".join(outs["md"].read_text().split())
    assert "majority: no language model; trained on" in outs["md"].read_text()
    for name in ("f1_by_size", "failures"):
        drawn = render(name, [read_score(tmp_path / f"{score}.json") for score in ("majority", "base")])
        assert (b"majority" in drawn["svg"]) == (name == "failures")
