"""Check that shards are planned by time, and that a plan repeats no finished or begun work."""

import json
import shutil

from snakemake_runs import Workflow, small_config

PREDICTIONS = "predictions/tiny-m/sim-marble/test1"


def by_time(minutes: float) -> dict:
    config = small_config()
    config["engine"] |= {"shard_size": "auto", "shard_minutes": minutes}
    return config


def test_shards_of_a_new_run_wait_for_windows_and_model(tmp_path):
    workflow = Workflow(tmp_path / "run", by_time(30))
    target = "results/predictions/tiny-s/sim-mural/test1/all.jsonl"
    assert "recognise" not in workflow.plan(target)
    workflow.run(target)
    [shard] = (workflow.directory / target).parent.glob("*-*.jsonl")
    assert shard.read_bytes() == (workflow.directory / target).read_bytes()


def test_new_shards_take_the_time_that_finished_ones_took(finished_run):
    """The finished shards of the model say that a window takes a minute."""
    directory = finished_run.directory
    for path in directory.glob("results/predictions/tiny-m/*/*/*.stats.json"):
        stats = json.loads(path.read_text())
        path.write_text(json.dumps(stats | {"seconds": 60 * stats["windows"]}))
    splits = json.loads((directory / "results/datasets/sim-marble/splits.json").read_text())
    windows = splits["windows"]["test1"]
    for top in ("results", "work"):
        shutil.rmtree(directory / top / PREDICTIONS)
    for size in (1, 4, 16, 1000):
        finished_run.configure(by_time(0.75 * size))
        planned = finished_run.plan(f"results/{PREDICTIONS}/all.jsonl")
        assert planned == {"recognise": -(-windows // size), "gather_predictions": 1}


def test_a_begun_shard_is_continued_whatever_the_new_size(finished_run):
    shards = sorted((finished_run.directory / "results" / PREDICTIONS).glob("*-*.jsonl"))
    assert len(shards) == 2
    shards[0].unlink()
    shards[0].with_name("all.jsonl").unlink()
    finished_run.configure(by_time(1e-9))
    output = finished_run.run("--dry-run", f"results/{PREDICTIONS}/all.jsonl")
    assert output.count("Recognising sim-marble test") == 1
    assert f"Recognising sim-marble test1 {shards[0].stem}" in output
    shutil.rmtree(finished_run.directory / "work" / PREDICTIONS / shards[0].stem)
    first, last = map(int, shards[0].stem.split("-"))
    assert finished_run.plan(f"results/{PREDICTIONS}/all.jsonl")["recognise"] == last - first + 1
