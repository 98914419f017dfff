"""Test the table and the figure of deployment, and the program that writes them."""

import deployment as program
import measure_export
import pandas as pd
import pytest
from deployment_factories import (
    make_baseline,
    make_direct,
    make_measurement,
    make_parity,
    make_quantised,
    make_timing,
)
from hearth.common.deployment_stats import read_measurement
from hearth.common.files import write_json, write_json_lines
from hearth.evaluation.deployment import Deployment, deployment_rows, deployment_table, read_direct_figures
from hearth.evaluation.figures import deployment as figure
from training_fixtures import PROMPT, make_windows

STUDENT = "small_joint_flat"
BOTH_WAYS = [make_timing(2.0), make_timing(0.5, direct=True, reasoning="none", answer_tokens=40.0)]


def make_deployment(**changes):
    documents = {
        "measurements": [
            make_measurement("bf16", [make_timing(1.0)], is_own=True),
            make_measurement("q8_0", BOTH_WAYS),
        ],
        "baselines": [make_baseline()],
        "parities": {STUDENT: make_parity()},
        "quantised": {(STUDENT, "q8_0"): make_quantised()},
        "direct": {(STUDENT, "q8_0"): make_direct()},
    }
    return Deployment(**documents | changes)


def notes_of(deployment, simulated=(), tiny=()):
    return dict(deployment_table(deployment, list(simulated), list(tiny), "abc").notes)


def test_each_way_of_asking_a_form_has_its_own_metrics_and_times():
    rows = deployment_rows(make_deployment())
    found = [(row["recogniser"], row["form"], row["reasoning"], row["accuracy"], row["seconds"]) for row in rows]
    assert found == [
        (STUDENT, "adapter", "yes", 0.8, None),
        (STUDENT, "bf16", "yes", 0.79, 1.0),
        (STUDENT, "q8_0", "yes", 0.75, 2.0),
        (STUDENT, "q8_0", "no", 0.7, 0.5),
        ("crf", "", "", 0.5, 0.002),
    ]
    assert [row["loss"] for row in rows] == [None, None, 0.05, None, None]
    assert (rows[2]["loss_low"], rows[2]["loss_high"]) == (0.01, 0.09)
    assert [row["bytes"] for row in rows[1:]] == [637_000_000] * 3 + [2_000_000]


def test_a_measurement_without_metrics_has_its_times_alone():
    bare = deployment_rows(make_deployment(parities={}, quantised={}, direct={}))
    assert [(row["form"], row["weighted_f1"], row["seconds"]) for row in bare[:3]] == [
        ("bf16", None, 1.0),
        ("q8_0", None, 2.0),
        ("q8_0", None, 0.5),
    ]


def test_the_table_marks_stand_ins_and_shows_intervals():
    table = deployment_table(make_deployment(), ["flat"], [STUDENT], "abc")
    headings = [column.heading for column in table.columns]
    row = dict(zip(headings, table.cells[2], strict=True))
    assert (row["Recogniser"], row["Dataset"]) == (f"{STUDENT} (tiny)", "flat (simulated)")
    assert (row["Weighted F1"], row["Accuracy lost"]) == ("0.650 [0.40, 0.90]", "0.050 [0.01, 0.09]")
    assert (row["Disk (MB)"], row["Memory (MB)"], row["Joules a window"]) == ("637", "900", "")
    few = deployment_table(make_deployment(quantised={(STUDENT, "q8_0"): make_quantised(interval=None)}), [], [], "abc")
    assert dict(zip(headings, few.cells[2], strict=True))["Accuracy lost"] == "0.050"


def test_notes_name_machine_load_and_windows():
    notes = notes_of(make_deployment(), ["flat"], [STUDENT])
    assert notes["Machine"] == ["N100 (x86_64), 2 cores used at most, 8 GB of memory"]
    assert notes["Load"][0].startswith("0.5 to 0.5 processes")
    assert notes["Scored"] == ["flat: 32 windows, 300 events"]
    assert notes["Versions"] == ["scikit-learn 1", "xllamacpp 1"]
    assert any("joules are missing" in statement for statement in notes["Deployment"])
    assert {"Simulated data", "Tiny models"} < notes.keys()
    metered = make_deployment(measurements=[make_measurement(timings=[make_timing(joules=3.0)])], baselines=[])
    assert not any("joules are missing" in statement for statement in notes_of(metered)["Deployment"])


def test_a_form_that_an_export_lacks_is_a_note():
    lacking = make_measurement("q4_0", [], why_not="rows of 100 numbers")
    table = make_deployment(measurements=[make_measurement(), lacking])
    assert notes_of(table)["Not measured"] == [f"{STUDENT}, form q4_0: rows of 100 numbers"]
    with pytest.raises(ValueError, match="at least one measurement"):
        deployment_table(Deployment([lacking]), [], [], "abc")


def words(drawn):
    return {text.get_text() for text in drawn.findobj(match=lambda one: hasattr(one, "get_text"))}


def test_the_figure_shows_rows_with_f1_of_the_fewest_threads():
    rows = deployment_rows(make_deployment())
    twice = [*rows, *({**row, "threads": 2, "seconds": 77.0} for row in rows)]
    drawn = figure.draw(twice, {"flat"}, [STUDENT])
    seconds, size = drawn.axes
    points = [line.get_xdata()[0] for line in seconds.lines if line.get_marker() != "None"]
    assert points == [1.0, 2.0, 0.5, 0.002]
    assert [line.get_xdata()[0] for line in size.lines if line.get_marker() != "None"] == [637.0, 637.0, 637.0, 2.0]
    shown = words(drawn)
    assert {"1 small_joint", "2 crf", "bf16", "q8_0", "with reasoning", "without reasoning", "baseline"} <= shown
    assert seconds.get_xlabel() == "seconds a window, prefix cached, one thread (log scale)"
    assert size.get_xlabel() == "MB on disk (log scale)"
    assert any("Simulated homes" in text and "Tiny models" in text for text in shown)
    assert figure.render(rows, set(), [])["svg"] == figure.render(rows, set(), [])["svg"]
    with pytest.raises(ValueError, match="needs a row with F1 and seconds"):
        figure.draw(rows[:1], set(), [])


def test_the_program_writes_table_and_figure(tmp_path):
    lacking = {"student": STUDENT, "form": "q4_0", "why_not": "none"}
    documents = {
        "measurements": [make_measurement("bf16", is_own=True), make_measurement("q8_0", BOTH_WAYS)],
        "baselines": [make_baseline()],
        "parities": [make_parity()],
        "quantised": [make_quantised(), lacking],
        "direct": [make_direct(), lacking],
    }
    options = []
    for name, items in documents.items():
        paths = [tmp_path / f"{name}{number}.json" for number in range(len(items))]
        for path, item in zip(paths, items, strict=True):
            write_json(path, item)
        options += [f"--{name}", *map(str, paths)]
    for suffix in ("markdown", "csv", "tex", "svg", "png"):
        options += [f"--{suffix}", str(tmp_path / f"deployment.{suffix}")]
    program.main([*options, "--simulated", "flat", "--tiny", STUDENT])
    rows = pd.read_csv(tmp_path / "deployment.csv", comment="#")
    assert rows["form"].fillna("").tolist() == ["adapter", "bf16", "q8_0", "q8_0", ""]
    assert rows["own_tokens"].tolist()[1:4] == [300.0] * 3
    assert "0.650 [0.40, 0.90]" in (tmp_path / "deployment.markdown").read_text()
    assert (tmp_path / "deployment.png").read_bytes().startswith(b"\x89PNG")


def test_direct_figures_without_a_metric_are_an_error(tmp_path):
    write_json(tmp_path / "direct.json", {"student": STUDENT, "form": "q8_0"})
    with pytest.raises(ValueError, match=r"direct\.json has no 'accuracy'"):
        read_direct_figures(tmp_path / "direct.json")


@pytest.mark.parametrize(
    ("shots", "decoding", "reason"),
    [
        ({"shots": 2, "shots_by": "similarity"}, {}, "shows windows that resemble each window"),
        ({}, {"constrained": True}, "its decoding is constrained"),
        ({}, {"constrained": False, "reasoning_budget": 5}, "has a reasoning budget"),
    ],
)
def test_a_student_that_no_hub_can_ask_is_not_measured(tmp_path, shots, decoding, reason):
    windows = {"by": "count", "size": 10, "seconds": None}
    gguf = {"files": {"bf16": "gguf/s-bf16.gguf"}, "default": "bf16", "why_not": ""}
    export = {"student": "s", "dtype": "bfloat16", "gguf": gguf, "source": "table", "windows": windows}
    write_json(tmp_path / "export.json", export | {"decoding": {"max_new_tokens": 9} | decoding})
    write_json(tmp_path / "prompt.json", PROMPT | shots)
    write_json_lines(tmp_path / "windows.jsonl", make_windows(2))
    options = {"export": tmp_path, "form": "own", "windows": tmp_path / "windows.jsonl", "count": 2}
    words = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    measure_export.main([*words, "--out", str(tmp_path / "measured.json")])
    measured = read_measurement(tmp_path / "measured.json")
    assert (measured["form"], measured["timings"]) == ("bf16", [])
    assert reason in measured["why_not"]
