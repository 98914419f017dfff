"""Test that the message for a user's mistake names file, key and remedy, before any job runs."""

import subprocess
import sys

import pytest
import yaml
from repository import CONFIG
from snakemake_runs import Workflow, small_config


@pytest.mark.parametrize(
    ("change", "expected"),
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
def test_a_mistake_in_the_config_is_reported_with_file_key_and_nearest_valid_value(tmp_path, change, expected):
    config = small_config()
    change(config)
    status, output = Workflow(tmp_path, config).attempt("--dry-run", "all")
    assert status != 0
    assert "Traceback" not in output
    for part in expected:
        assert part in output
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("target", "nearest"),
    [
        ("results/scores/tiny-s_reasonin_sim-marble/sim-mural.json", "tiny-s_reasoning_sim-marble"),
        ("results/students/tiny-s_reasoning_sim-marbel/fold1/training_log.json", "tiny-s_reasoning_sim-marble"),
        ("results/datasets/sim-marbel/windows.jsonl", "sim-marble"),
        ("results/tables/scalin.md", "scaling"),
        ("table_scalin", "table_scaling"),
    ],
)
def test_an_unknown_target_is_reported_with_the_nearest_declared_name(tmp_path, target, nearest):
    status, output = Workflow(tmp_path, small_config()).attempt("--dry-run", target)
    assert status != 0
    assert f"did you mean '{nearest}'" in output


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (("all",), "all"),
        (("--cores", "1", "--configfile", "no.yaml"), "no.yaml"),
        (("results/x.json", "-n"), "results/x.json"),
    ],
)
def test_a_target_right_after_configfile_is_called_so(tmp_path, arguments, missing):
    workflow = Workflow(tmp_path / "run", small_config())
    profile = ["--workflow-profile", str(workflow.repository / "profiles" / "default")]
    command = [sys.executable, "-m", "snakemake", *profile, "--configfile", str(workflow.configfile), *arguments]
    done = subprocess.run(command, cwd=workflow.repository, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"--configfile: there is no file {missing!r}. Every word after --configfile names a config" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"title: x\nstudents:\n\tbases: []\n", ":3: invalid YAML: found character '\\t'"),
        (b"title: x\nteacher: 'tiny-l\nmodels: [tiny-s]\n", ":2: invalid YAML: found unexpected end of stream"),
        (b"title: a: b\n", ":1: invalid YAML: mapping values are not allowed here"),
        (b"title: x\nmodels [tiny-s]\nteacher: y\n", ":2: invalid YAML: could not find expected ':'"),
        (b"title: x\nmodels: [tiny-s\nteacher: y\n", ":3: invalid YAML: "),
        ("title: x\nteacher: Küche\n".encode("latin-1"), ":2: this is no text in UTF-8"),
        (b"title: x\0\n", ": invalid YAML: "),
        (b"# nothing yet\n", ": a config has keys at its top level"),
        (b"- tiny-s\n", ": a config has keys at its top level"),
    ],
)
@pytest.mark.parametrize("form", ["--configfile {0} {1}", "--configfile={0} --configfiles={1}"])
def test_a_config_that_cannot_be_read_is_reported_with_its_file_and_line(tmp_path, text, expected, form):
    workflow = Workflow(tmp_path / "run", small_config())
    broken = tmp_path / "broken.yaml"
    broken.write_bytes(text)
    profile = ["--workflow-profile", str(workflow.repository / "profiles" / "default")]
    files = form.format(workflow.configfile, broken).split()
    command = [sys.executable, "-m", "snakemake", "-n", *profile, *files, "--", "all"]
    done = subprocess.run(command, cwd=workflow.repository, capture_output=True, text=True)
    assert done.returncode == 1
    _, message = done.stderr.splitlines()  # the first line names the profile
    assert message.startswith(f"{broken}{expected}")


def test_a_missing_dataset_is_reported_with_its_source_and_its_folder(tmp_path):
    config = small_config()
    config["datasets"] = {"marble": {"source": "marble", "home": "marble", "root": "data/marble"}}
    status, output = Workflow(tmp_path, config).attempt("--dry-run", "all")
    assert status != 0
    for part in ("data/marble", "everywarelab.di.unimi.it", "environmental.csv", "--config marble_root=PATH"):
        assert part in output


def test_too_many_broken_rows_stop_the_run_and_the_reason_is_shown(tmp_path):
    folder = tmp_path / "data/dataset/A1a/instance1"
    (folder / "subject-200").mkdir(parents=True)
    (folder / "environmental.csv").write_text(
        'sensor_id,sensor_status,ts,subject_id\nR1,"ON",1542200001000,"200"\nR1,"ON",nonsense,"200"\n'
    )
    (folder / "subject-200" / "labels.csv").write_text("ts_start,ts_end,act\n1542200000000,1542200009000,COOKING\n")
    config = small_config()
    config["datasets"] = {"marble": {"source": "marble", "home": "marble", "root": "data"}}
    workflow = Workflow(tmp_path, config)
    status, output = workflow.attempt("results/datasets/marble/events.parquet")
    assert status != 0
    assert "environmental.csv:3" in output
    for place in ("logs/<rule>/", "logs/slurm/", ".snakemake/log/", f"resume RUN={tmp_path}", "killed (signal 9"):
        assert place in output
    assert not (tmp_path / "results/datasets/marble/events.parquet").exists()


def test_a_training_on_several_nodes_is_refused_without_slurm_and_only_warned_of_in_a_dry_run(tmp_path, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    registry = yaml.safe_load((CONFIG / "models.yaml").read_text())
    registry["tiny-s"] |= {"nodes": 2}
    (tmp_path / "models.yaml").write_text(yaml.safe_dump(registry))
    workflow = Workflow(tmp_path / "run", small_config() | {"model_registry": str(tmp_path / "models.yaml")})
    said = "Students of tiny-s: training on 2 nodes needs a SLURM job of 2 nodes (snakemake --profile profiles/slurm)"
    status, output = workflow.attempt("all")
    assert status != 0
    assert f"{said}; to train without SLURM, set nodes: 1 for tiny-s" in output
    assert "Traceback" not in output
    assert not (tmp_path / "run" / "results").exists()
    assert said in workflow.run("--dry-run", "--quiet", "rules", "all")
    assert said in workflow.run("--cores", "1", "results/datasets/sim-marble/windows.jsonl")
