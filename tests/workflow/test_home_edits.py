"""Test that an edit of a home that changes no prompt and no event repeats the work of no model."""

import json

import pytest
import yaml


@pytest.mark.slow
def test_an_alias_and_an_unstated_origin_repeat_no_recognition_and_no_training(project):
    home = project.repository / "config/homes/mural.yaml"
    edited = yaml.safe_load(home.read_text())
    edited["aliases"] = {"watching TV": ["looking at the telly"]}
    edited["rules"] = [rule["text"] for rule in edited["rules"]]
    made = [
        *project.directory.glob("results/predictions/*/sim-mural/*/all.jsonl"),
        *project.directory.glob("results/students/*_sim-mural/**/adapter_model.safetensors"),
    ]
    before = {path: path.read_bytes() for path in made}
    assert {path.suffix for path in made} == {".jsonl", ".safetensors"}
    home.write_text(yaml.safe_dump(edited, sort_keys=False, allow_unicode=True))
    edit_time = home.stat().st_mtime
    project.run("all")
    assert {path: path.read_bytes() for path in made} == before
    # A job that Snakemake starts again finds its work done already.
    for path in project.directory.glob("logs/recognise/*/sim-mural/**/*.log"):
        assert path.stat().st_mtime < edit_time or "windows are done already" in path.read_text(), path
    for path in project.directory.glob("results/students/*_sim-mural/**/training.stats.json"):
        assert path.stat().st_mtime < edit_time or json.loads(path.read_text())["resumed_from_step"] > 0, path
    card = (project.directory / "results/datasets/sim-mural/dataset_card.md").read_text()
    assert "| not stated |" in card
