"""Check a run with several seeds of sampling: what a further seed and a majority ask, and what tables make of them."""

import json

import pandas as pd
import pytest
from snakemake_runs import Workflow, small_config


def sampled_config(seeds, **more):
    """Return the config of a run that samples, with one model on one home and no students."""
    config = small_config()
    del config["datasets"]["sim-mural"]
    config |= {"models": ["tiny-s"], "teacher": "tiny-s", "students": {"bases": []}, **more}
    config["decoding"] |= {"temperature": 0.7, "seeds": seeds}
    select = [{"recognisers": name} for name in ("models", *more.get("variants", {}))]
    compare = [[f"tiny-s_{name}", "tiny-s"] for name in more.get("variants", {})]
    config["tables"] = {"seeds": {"title": "Seeds", "select": select, "compare": compare}}
    return config


def read_predictions(workflow, recogniser, name="all"):
    (folder,) = (workflow.directory / "results/predictions" / recogniser / "sim-marble").glob("test1")
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """Return a finished run with the seeds 4 and 0."""
    workflow = Workflow(tmp_path_factory.mktemp("sampled") / "run", sampled_config([4, 0]))
    workflow.run("table_seeds")
    return workflow


def test_seeds_give_other_answers_and_one_row(sampled):
    first, again = (read_predictions(sampled, name) for name in ("tiny-s", "tiny-s_decode0"))
    assert ({row["seed"] for row in first}, {row["seed"] for row in again}) == ({4}, {0})
    assert [row["window_id"] for row in first] == [row["window_id"] for row in again]
    assert [row["text"] for row in first] != [row["text"] for row in again]
    (row,) = pd.read_csv(sampled.directory / "results/tables/seeds.csv", comment="#").to_dict("records")
    assert (row["recogniser"], row["n_seeds"]) == ("tiny-s", 2)
    scores = [
        json.loads((sampled.directory / f"results/scores/{name}/sim-marble.json").read_text())
        for name in ("tiny-s", "tiny-s_decode0")
    ]
    f1 = pd.Series([score["strict"]["weighted_f1"] for score in scores])
    assert row["weighted_f1"] == pytest.approx(f1.mean(), abs=1e-5)
    assert row["weighted_f1_sd"] == pytest.approx(f1.std(), abs=1e-5)


def test_a_further_seed_asks_only_itself_and_a_majority_only_what_lacks(sampled):
    shards = list((sampled.directory / "results/predictions/tiny-s/sim-marble/test1").glob("*.stats.json"))
    asked = {
        "recognise": len(shards),
        "gather_predictions": 1,
        "parse_predictions": 1,
        "score": 1,
        "table": 1,
        "table_seeds": 1,
    }
    sampled.configure(sampled_config([4, 0, 9]))
    assert sampled.plan("table_seeds") == asked
    sampled.configure(sampled_config([4, 0], variants={"vote": {"of": "models", "self_consistency": 3}}))
    assert sampled.plan("table_seeds") == asked | {"vote": 1}
    sampled.run("table_seeds")
    votes = read_predictions(sampled, "tiny-s_vote", "parsed")
    samples = [read_predictions(sampled, f"tiny-s{suffix}", "parsed") for suffix in ("", "_decode0", "_decode1")]
    assert [row["window_id"] for row in votes] == [row["window_id"] for row in samples[0]]
    for voted, *rows in zip(votes, *samples, strict=True):
        for event, label in enumerate(voted["labels"]):
            given = [row["labels"][event] for row in rows if row["labels"][event] is not None]
            assert label in given or (label is None and not given)
            assert all(given.count(label) >= given.count(other) for other in given)
    table = pd.read_csv(sampled.directory / "results/tables/seeds.csv", comment="#")
    assert table["recogniser"].tolist() == ["tiny-s", "tiny-s_vote"]
    assert table["n_seeds"].fillna(1).tolist() == [2, 1]
    assert "self_consistency 3" in (sampled.directory / "results/tables/seeds.provenance.md").read_text()
