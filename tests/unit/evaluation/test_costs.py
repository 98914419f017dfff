import cost
import pandas as pd
import pytest
from hearth.common.files import write_json, write_text
from hearth.evaluation.costs import COLUMNS, CostRow, cost_table, prediction_row, read_cost_rows

SHARD = {"windows": 10, "seconds": 4.0, "prompt_tokens": 1000, "completion_tokens": 80, "peak_memory_bytes": 2**30}


def test_every_field_of_a_row_is_a_column():
    assert list(COLUMNS) == list(CostRow.__annotations__)


def test_the_shards_of_a_split_are_summed():
    shards = [
        SHARD | {"device": "cpu", "versions": {"torch": "2"}},
        SHARD | {"device": "cuda", "peak_memory_bytes": 2**31},
    ]
    row = prediction_row("little", "made-up", "test", shards)
    assert (row["windows"], row["seconds"], row["peak_memory_bytes"]) == (20, 8.0, 2**31)
    assert (row["windows_per_second"], row["completion_tokens_per_second"]) == (2.5, 20.0)
    assert (row["device"], row["examples"], row["energy_joules"]) == ("cpu, cuda", None, None)
    predictions = {("little", "made-up", "test"): shards}
    table = cost_table(predictions, {"s": [{"examples": 6, "seconds": 0}]}, ["made-up"], ["little"], "abc")
    assert table.cells[0][:6] == ["prediction", "little (tiny)", "made-up (simulated)", "test", "20", "8.0"]
    assert table.cells[1][:6] == ["training", "s", "", "train", "", "0.0"]
    assert dict(table.notes)["Versions"] == ["torch 2"]


def test_a_cost_table_without_stats_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        cost_table({}, {}, [], [], "abc")


def test_the_cost_table_takes_names_from_paths(tmp_path):
    for fold, shard in ((1, "00000-00009"), (2, "00000-00009")):
        write_json(
            tmp_path / f"predictions/little/made-up/test{fold}/{shard}.stats.json",
            {"windows": 10, "seconds": 5.0, "prompt_tokens": 100, "completion_tokens": 50, "device": "cpu"},
        )
    write_json(tmp_path / "students/pupil/fold1/training.stats.json", {"examples": 8, "seconds": 4.0, "device": "cpu"})
    for writer in ("little", "pupil_policy"):
        write_json(
            tmp_path / f"log_probabilities/large/{writer}/made-up/train1/00000-00009.stats.json",
            {"windows": 10, "seconds": 1.0, "completion_tokens": 50, "device": "cpu"},
        )
    stats = sorted(map(str, tmp_path.glob("predictions/*/*/*/*.json")))
    scored = sorted(map(str, tmp_path.glob("log_probabilities/*/*/*/*/*.json")))
    cost.main(
        [
            *(
                "--predictions",
                *stats,
                "--scoring",
                *scored,
                "--students",
                str(tmp_path / "students/pupil/fold1/training.stats.json"),
            ),
            *("--simulated", "made-up", "--tiny", "little", "pupil", "--markdown", str(tmp_path / "cost.md")),
            *("--csv", str(tmp_path / "cost.csv"), "--tex", str(tmp_path / "cost.tex")),
        ]
    )
    table = pd.read_csv(tmp_path / "cost.csv", comment="#")
    assert table["recogniser"].tolist() == ["little", "large", "pupil"]
    assert table["work"].tolist() == ["prediction", "scoring", "training"]
    assert table["windows_per_second"].tolist()[0] == 2.0
    rows = read_cost_rows(tmp_path / "cost.csv")
    assert [(row["dataset"], row["windows"], row["examples"]) for row in rows] == [
        ("made-up", 20, None),
        ("made-up", 20, None),
        (None, None, 8),
    ]
    assert "| little (tiny) | made-up (simulated) | test" in (tmp_path / "cost.md").read_text()


def test_a_csv_that_is_no_cost_table_is_an_error(tmp_path):
    write_text(tmp_path / "table.csv", "work,recogniser\n")
    with pytest.raises(ValueError, match=r"table\.csv: no column 'dataset'"):
        read_cost_rows(tmp_path / "table.csv")


def test_stats_without_seconds_are_an_error(tmp_path):
    write_json(tmp_path / "training.stats.json", {"examples": 8})
    out = [part for form in ("markdown", "csv", "tex") for part in (f"--{form}", str(tmp_path / form))]
    with pytest.raises(ValueError, match=r"training\.stats\.json has no 'seconds'"):
        cost.main(["--students", str(tmp_path / "training.stats.json"), *out])
