"""Test that the provenance of a run is complete and has no dates, no absolute paths and no timings."""

import json

import provenance
import pytest
from factories import MODEL, PROMPT, SPLITS, TRAINING_LOG
from hearth.common.files import file_digest, write_json, write_text
from hearth.evaluation.code_version import LIBRARIES
from hearth.evaluation.run_provenance import run_provenance
from score_factories import make_run_scores, make_score

CONFIG = {"teacher": "large", "datasets": {"made-up": {"source": "marble", "home": "marble"}}}
STATS = {
    **{"engine": "transformers", "device": "cpu", "dtype": "float32", "versions": {"torch": "2.13.0"}},
    **{"seconds": 1.5, "batch_size": 8, "windows": 3},
}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write the results of a small run; return the options of the program that name them."""
    monkeypatch.chdir(tmp_path)
    write_json("results/scores/little/made-up.json", make_score())
    write_json("results/datasets/made-up/splits.json", SPLITS)
    write_text("results/datasets/made-up/dataset_card.md", "# A card\n")
    write_json("results/prompts/made-up.json", PROMPT)
    write_json("results/models/little/snapshot.json", MODEL)
    write_json("results/students/little_reasoning_made-up/fold1/training_log.json", TRAINING_LOG)
    write_text("results/students/little_reasoning_made-up/fold1/adapter/adapter_model.safetensors", "weights")
    for shard in ("00000-00002", "00002-00003"):
        write_json(f"results/predictions/little/made-up/test/{shard}.stats.json", STATS)
    student = "results/students/little_reasoning_made-up/fold1"
    return [
        *("--config", json.dumps(CONFIG), "--scores", "results/scores/little/made-up.json"),
        *("--splits", "results/datasets/made-up/splits.json", "--cards", "results/datasets/made-up/dataset_card.md"),
        *("--prompts", "results/prompts/made-up.json", "--models", "results/models/little/snapshot.json"),
        *("--students", f"{student}/training_log.json"),
        *("--adapters", f"{student}/adapter/adapter_model.safetensors"),
        *("--stats", *(f"results/predictions/little/made-up/test/{shard}.stats.json" for shard in ("00000-00002",))),
        "results/predictions/little/made-up/test/00002-00003.stats.json",
    ]


def test_the_document_has_the_inputs_of_every_score(files, tmp_path):
    provenance.main([*files, "--out", "results/provenance.json"])
    document = json.loads((tmp_path / "results/provenance.json").read_text())
    score = document["scores"]["results/scores/little/made-up.json"]
    assert score["provenance"] == make_score()["provenance"]
    assert (score["recogniser"], score["n_windows"], score["n_sessions"]) == ("little", 3, 2)
    assert document["datasets"]["made-up"]["dataset_digest"] == SPLITS["dataset_digest"]
    assert document["prompts"]["made-up"]["version"] == PROMPT["version"]
    assert document["models"]["little"]["revision"] == MODEL["revision"]
    student = document["students"]["little_reasoning_made-up/fold1"]
    assert (student["settings"], student["examples"]) == (TRAINING_LOG["settings"], TRAINING_LOG["examples"])
    assert document["config"] == CONFIG
    assert set(document["code"]["libraries"]) == set(LIBRARIES)
    for path in (
        "results/scores/little/made-up.json",
        "results/datasets/made-up/dataset_card.md",
        "results/students/little_reasoning_made-up/fold1/adapter/adapter_model.safetensors",
    ):
        assert document["digests"][path] == file_digest(path)


def test_the_document_has_no_places_no_timings_and_no_shards(files, tmp_path):
    provenance.main([*files, "--out", "one.json"])
    text = (tmp_path / "one.json").read_text()
    assert str(tmp_path) not in text
    assert not [word for word in ("seconds", "batch_size", "losses", "00000-00002") if f'"{word}' in text]
    (group,) = json.loads(text)["jobs"]
    assert group == {
        "ran": {key: STATS[key] for key in ("engine", "device", "dtype", "versions")},
        "jobs": ["results/predictions/little/made-up/test"],
    }
    provenance.main([*files, "--out", "two.json"])
    assert (tmp_path / "two.json").read_text() == text


def test_a_score_without_its_split_is_an_error():
    scores = {f"{number}.json": score for number, score in enumerate(make_run_scores())}
    with pytest.raises(ValueError, match=r"5\.json: --splits has no splits\.json of its dataset second"):
        run_provenance(CONFIG, "abc", scores, {"made-up": SPLITS}, {}, {}, {}, {}, {})
