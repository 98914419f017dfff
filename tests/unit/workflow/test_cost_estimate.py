import json
import re

import pytest
from factories import MODEL
from hearth.common.files import write_json, write_json_lines
from hearth.workflow import cost_estimate
from hearth.workflow.cost_estimate import CARDS, Load, Size, recognition_hours, training_hours, written_tokens
from window_factories import complete_window

PROMPT = {"version": "brief@0", "template": "brief", "reasoning": "none", "labels": ["A"], "system": "one two three"}
SNAPSHOT = {"model": "m", "source": "folder", "revision": "", "digest": "", "license": "", "stand_in": "", "files": {}}
# Size of Qwen3-32B, whose key-value cache has 64 layers and 8 heads of width 128.
LARGE = Size(32_762_123_264, 2 * 64 * 8 * 128 * 2)


def test_the_papers_teacher_takes_about_five_gpu_hours_for_a_hundred_thousand_windows():
    load = Load("qwen3-32b", 100_000, prefix=900, read=700, written=275, at_most=False)
    assert recognition_hours(load, LARGE, 64, CARDS["H200"]) == pytest.approx(5.3, abs=0.3)
    without_prefix = Load("qwen3-32b", 100_000, prefix=0, read=1600, written=275, at_most=False)
    assert recognition_hours(without_prefix, LARGE, 64, CARDS["H200"]) == pytest.approx(8.7, abs=0.3)


def test_small_batches_read_the_weights_more_often():
    load = Load("m", 1000, 900, 0, 275, False)
    few, many = (recognition_hours(load, LARGE, batch, CARDS["H100"]) for batch in (1, 64))
    assert 20 < few / many < 64


def test_a_training_reads_every_token_in_every_epoch():
    load = Load("m", 100, 900, 300, 200, False)
    once = training_hours(load, LARGE, 1, CARDS["A100"])
    assert once * 3600 == pytest.approx(4 * LARGE.parameters * 140_000 / (312e12 * 0.5))
    assert training_hours(load, LARGE, 3, CARDS["A100"]) == pytest.approx(3 * once)


def test_written_tokens_are_the_mean_of_finished_shards(tmp_path):
    assert written_tokens([]) is None
    for number, (windows, tokens) in enumerate([(10, 100), (30, 900)]):
        write_json(tmp_path / f"{number}.json", {"seconds": 1, "windows": windows, "completion_tokens": tokens})
    assert written_tokens(tmp_path.glob("*.json")) == 25


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Return the results folder of a run with windows, prompts, and models whose tokenizers split at spaces."""

    class Words:
        def apply_chat_template(self, turns, **_):
            return " ".join(turn["content"] for turn in turns) + " answer"

        def __call__(self, text, **_):
            return {"input_ids": text.split()}

    monkeypatch.setattr(cost_estimate, "load_tokenizer", lambda folder: Words())
    rows = [
        complete_window({"window_id": f"flat/{split}/{n}", "split": split, "events": [event(n)]})
        for n, split in enumerate(["train"] * 4 + ["test"] * 6)
    ]
    write_json_lines(tmp_path / "datasets/flat/windows.jsonl", rows)
    write_json(tmp_path / "prompt.json", PROMPT)
    config = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64}
    for model in ("small", "large"):
        write_json(tmp_path / "models" / model / "config.json", config)
        write_json(tmp_path / "models" / model / "snapshot.json", MODEL | {"parameters": 10**9})
    write_json(tmp_path / "models/served/snapshot.json", MODEL | {"served": {"model": "large", "interface": "vllm"}})
    return tmp_path


def event(number):
    return {"id": 1, "time": f"10:00:{number:02d}", "description": f"Door {number} opens."}


def planned_work(results, **changes):
    prompt = str(results / "prompt.json")
    loads = [
        {"recogniser": name, "model": name, "dataset": "flat", "split": split, "prompt": prompt, "max_new_tokens": 50}
        for name, split in (("small", "test"), ("large", "test"), ("large", "train"))
    ]
    training = {"student": "small_pupil", "model": "small", "teacher": "large", "dataset": "flat", "max_examples": None}
    training |= {"prompt": prompt, "max_new_tokens": 50}
    return {"loads": loads, "trainings": [training], "batch_size": 16, "epochs": 2} | changes


def row(text, work):
    (line,) = [line for line in text.splitlines() if line.startswith(work)]
    return re.split(r" {2,}", line.strip())


def test_the_estimate_counts_windows_and_marks_upper_limits(results):
    text = cost_estimate.estimate_work(planned_work(results), results)
    assert row(text, "recognise small")[1:4] == ["6", "0.00", "<= 0.00"]
    assert row(text, "recognise large")[1] == "10"
    assert row(text, "distil small_pupil")[1] == "4"
    assert len(row(text, "all")) == 1 + len(CARDS)
    write_json(
        results / "predictions/large/flat/train/0.stats.json", {"seconds": 1, "windows": 4, "completion_tokens": 10**9}
    )
    text = cost_estimate.estimate_work(planned_work(results), results)
    assert row(text, "recognise large")[3] == "2500.00"
    assert row(text, "recognise small")[3] == "<= 0.00"


def test_max_examples_limits_the_windows_of_a_training(results):
    work = planned_work(results)
    work["trainings"][0]["max_examples"] = 3
    assert row(cost_estimate.estimate_work(work, results), "distil small_pupil")[1] == "3"


def test_a_student_without_a_teacher_learns_from_the_train_split(results):
    work = planned_work(results)
    work["trainings"][0]["teacher"] = ""
    work["loads"] = work["loads"][:1]
    text = cost_estimate.estimate_work(work, results)
    assert row(text, "distil small_pupil")[1] == "4"
    assert "large" not in text


def test_a_served_model_has_no_hours(results):
    work = json.loads(json.dumps(planned_work(results)).replace('"model": "large"', '"model": "served"'))
    assert len(row(cost_estimate.estimate_work(work, results), "recognise large")) == 4
