"""Every mistake a user makes is answered by what is wrong, where, and what to do, before anything runs."""

import pytest
from snakemake_runs import Workflow, small_config


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(modles=["tiny-s"]), ["modles", "did you mean 'models'"]),
        (lambda c: c.update(teacher="tiny-x"), ["run.yaml", "teacher", "tiny-x", "did you mean 'tiny-"]),
        (
            lambda c: c["students"]["training"].update(learning_rate="1e-4"),
            ["run.yaml", "students.training.learning_rate", "write 0.0001"],
        ),
        (
            lambda c: c["datasets"]["sim-marble"].update(home="marbel"),
            ["run.yaml", "datasets.sim-marble.home", "did you mean 'marble'"],
        ),
    ],
)
def test_a_mistake_in_the_config_is_named_with_file_key_value_and_the_nearest_valid_one(tmp_path, change, said):
    config = small_config()
    change(config)
    code, printed = Workflow(tmp_path, config).attempt("--dry-run", "all")
    assert code != 0
    assert "Traceback" not in printed
    for part in said:
        assert part in printed
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("results/scores/tiny-s_reasonin_sim-marble/sim-mural.json", "tiny-s_reasoning_sim-marble"),
        ("results/students/tiny-s_reasoning_sim-marbel/training_log.json", "tiny-s_reasoning_sim-marble"),
        ("results/datasets/sim-marbel/windows.jsonl", "sim-marble"),
        ("results/tables/scalin.md", "scaling"),
        ("table_scalin", "table_scaling"),
    ],
)
def test_a_target_that_the_config_does_not_declare_is_answered_by_the_nearest_that_it_does(tmp_path, target, meant):
    code, printed = Workflow(tmp_path, small_config()).attempt("--dry-run", target)
    assert code != 0
    assert f"did you mean '{meant}'" in printed


def test_a_missing_data_set_says_where_to_get_it_and_where_to_put_it(tmp_path):
    config = small_config()
    config["datasets"] = {"marble": {"source": "marble", "home": "marble", "root": "data/marble"}}
    code, printed = Workflow(tmp_path, config).attempt("--dry-run", "all")
    assert code != 0
    for part in ("data/marble", "everywarelab.di.unimi.it", "environmental.csv", "--config marble_root=PATH"):
        assert part in printed


def test_too_many_broken_rows_stop_the_run_and_the_reason_is_shown(tmp_path):
    folder = tmp_path / "data/dataset/A1a/instance1"
    (folder / "subject-200").mkdir(parents=True)
    (folder / "environmental.csv").write_text(
        'sensor_id,sensor_status,ts,subject_id\nR1,"ON",1542203894445,"200"\nR1,"ON",nonsense,"200"\n'
    )
    (folder / "subject-200" / "labels.csv").write_text("ts_start,ts_end,act\n1542203890000,1542203899000,COOKING\n")
    config = small_config()
    config["datasets"] = {"marble": {"source": "marble", "home": "marble", "root": "data"}}
    workflow = Workflow(tmp_path, config)
    code, printed = workflow.attempt("results/datasets/marble/events.parquet")
    assert code != 0
    assert "environmental.csv:3" in printed
    for place in ("logs/<rule>/", "logs/slurm/", ".snakemake/log/", f"resume RUN={tmp_path}", "killed (signal 9"):
        assert place in printed
    assert not (tmp_path / "results/datasets/marble/events.parquet").exists()
