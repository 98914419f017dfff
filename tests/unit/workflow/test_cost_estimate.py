import re
import shutil
from dataclasses import replace

import pytest
from hearth.common.cli import UserError
from hearth.common.files import read_json_object, write_json, write_json_lines
from hearth.workflow import cost_estimate, gpu_memory
from hearth.workflow.cards import CARDS
from hearth.workflow.cost_estimate import (
    WorkRow,
    estimate_work,
    recognition_hours,
    render_work,
    training_hours,
    windows_held,
)
from hearth.workflow.fold_cost import compare_with_plain_split
from hearth.workflow.gpu_memory import WindowTokens
from hearth.workflow.planned_work import Load
from hearth.workflow.throughput import Job, window_seconds
from model_shapes import QWEN3_0_6B, QWEN3_32B
from plan_factories import make_results, planned_load, training_settings
from repository import CONFIG
from window_factories import complete_window, make_splits

LOAD = Load("m", 1000, WindowTokens(900, 350, 600), WindowTokens(900, 700, 4096), None)
JOB = Job("vllm", "bf16", CARDS["H100-80"], 1)
TRAINING = training_settings(epochs=2, shared_prefix=False)
ENTRY = {"gpus": 1, "train_gpus": 1, "nodes": 1, "pipeline_parallel": 1, "gpu_type": "", "engine_options": {}}


def cards_of(shape, job=JOB):
    """Return a dict from card to the number of cards that a load is estimated for."""
    return {card: int(remark.partition("x")[0]) for card, (_, remark) in recognition_hours(shape, [LOAD], job).items()}


def test_cards_whose_registry_number_does_not_do_get_one_that_does():
    assert cards_of(QWEN3_0_6B) == dict.fromkeys(CARDS, 1)
    large = cards_of(QWEN3_32B)
    assert large["H100-80"] == large["H200-141"] == large["A100-80"] == 1
    assert large["A100-40"] in (2, 4)
    assert large["RTX4090-24"] in (4, 8)
    assert cards_of(QWEN3_32B, replace(JOB, gpus=4))["H100-80"] == 4


def test_a_card_of_which_eight_do_not_do_has_no_hours():
    wide = replace(QWEN3_32B, parameters=2 * 10**11, weight_bytes=4 * 10**11)
    assert set(cards_of(wide)) == {"A100-80", "H100-80", "H200-141"}


def test_the_transformers_engine_has_one_card():
    assert "A100-40" not in cards_of(QWEN3_32B, replace(JOB, engine="transformers"))
    assert windows_held(QWEN3_32B, LOAD.longest, replace(JOB, engine="transformers", gpus=2)) == 0


def test_hours_are_those_of_all_cards_and_the_batch_is_no_larger_than_the_load():
    few = replace(LOAD, windows=10)
    hours, remark = recognition_hours(QWEN3_0_6B, [few], JOB)["H100-80"]
    assert remark == "1x10"
    job = replace(JOB, batch_size=10)
    assert hours == pytest.approx(10 * window_seconds(QWEN3_0_6B, LOAD.mean, job) / 3600)
    two, _ = recognition_hours(QWEN3_0_6B, [few], replace(JOB, gpus=2))["H100-80"]
    assert hours < two < 2 * hours


def test_a_job_without_a_gpu_has_core_hours():
    one, two = (
        recognition_hours(QWEN3_0_6B, [LOAD], Job("transformers", "fp32", threads=threads))["CPU core"][0]
        for threads in (1, 2)
    )
    assert 0 < one < two < 1.2 * one  # starting small operations takes as long with two cores


def test_a_training_reads_every_token_in_every_epoch():
    load = Load("m", 100, WindowTokens(900, 300, 200), LOAD.longest, None)
    once = training_hours(QWEN3_32B, load, TRAINING | {"epochs": 1}, flops=1e14)
    assert once * 3600 == pytest.approx(4 * QWEN3_32B.parameters * 140_000 / 1e14)
    assert training_hours(QWEN3_32B, load, TRAINING | {"epochs": 3}, flops=1e14) == pytest.approx(3 * once)
    assert training_hours(QWEN3_32B, load, TRAINING | {"shared_prefix": True, "epochs": 1}, flops=1e14) < once


def test_the_measured_training_of_the_smallest_model_is_met():
    # 14.6 examples a second with the prefix in every example, 900 + 700 tokens and about 130 more.
    load = Load("m", 3600, WindowTokens(900, 700, 130), LOAD.longest, None)
    hours = training_hours(QWEN3_0_6B, load, TRAINING | {"epochs": 1}, CARDS["H100-80"].bf16 * 0.4, 0.008, 4)
    assert 1 / hours == pytest.approx(14.6, rel=0.1)


# The text


def test_work_for_which_no_card_does_is_told_from_a_servers():
    rows = [WorkRow("huge", "vllm", [LOAD], {}), WorkRow("served", "openai", [LOAD], None)]
    rows.append(WorkRow("small", "vllm", [LOAD], {"H100-80": (2.0, "1x64"), "H200-141": (1.0, "1x64")}))
    text = render_work(rows)
    assert row(text, "huge")[-2:] == ["no", "no"]
    assert row(text, "served")[1:] == ["openai", "1000", "0.35", "<= 0.60"]
    assert row(text, "total")[-2:] == ["2.0", "1.0"]


@pytest.fixture
def results(tiny_model, tmp_path):
    return make_results(tmp_path, tiny_model, train=4, test=6)


def planned_source(results, teacher, dataset="flat", is_replayed=False):
    place = {"dataset": dataset, "traces_split": "train1" if teacher else "", "prompt": str(results / "prompt.json")}
    return {"teacher": teacher, "is_replayed": is_replayed} | place


def planned_work(results, entry=ENTRY, teacher="large", max_examples=None, sized=()):
    loads = [planned_load(results, name, split) for name, split in [("small", "test1"), ("large", "test1")]]
    if teacher:
        loads.append(planned_load(results, "large", "train1"))
    training = {"student": "small_pupil", "fold": 1, "model": "small", "max_new_tokens": 50, "reasons": True}
    training |= {"sources": [planned_source(results, teacher)], "max_examples": max_examples, "sized": list(sized)}
    training |= {"balance": "size", "replay": 0, "rank": 16, "epochs": 3}
    engine = "vllm" if entry["gpus"] else "transformers"
    return {
        "split": {"folds": 1, "by": "session", "seed": 0, "test_fraction": 0.3},
        "loads": loads,
        "trainings": [training],
        "engines": {"small": engine, "large": engine},
        "models": {"small": entry, "large": entry},
        "settings": {"batch_size": "auto", "device": "auto", "dtype": "auto", "threads": 1},
        "training": TRAINING,
        "training_dtype": "auto",
        "taught": [["large", "flat", "train1"]] if teacher else [],
        "scored": [],
        "teacher_top_tokens": 16,
        "deepspeed": str(CONFIG / "deepspeed" / "zero2.json"),
    }


def row(text, work):
    (line,) = [line for line in text.splitlines() if line.startswith(work)]
    return re.split(r" {2,}", line.strip())


def test_the_estimate_counts_windows_and_marks_upper_limits(results):
    text = estimate_work(planned_work(results), results)
    assert row(text, "recognise small")[1:5] == ["vllm", "6", "0.00", "<= 0.00"]
    assert row(text, "recognise large")[2] == "10"
    assert row(text, "distil small_pupil")[1] == "4"
    assert len(row(text, "total")) == 1 + len(CARDS)
    assert "measured" not in text
    stats = {"seconds": 3600, "windows": 4, "completion_tokens": 10**9}
    write_json(results / "predictions/large/flat/train1/0.stats.json", stats)
    text = estimate_work(planned_work(results), results)
    assert row(text, "recognise large")[4] == "2500.00"
    assert row(text, "recognise large")[-1] == "2.5"
    assert row(text, "recognise small")[4] == "<= 0.00"


def test_every_model_is_shown_with_every_format_and_card(results):
    lines = estimate_work(planned_work(results), results).splitlines()
    assert [line.split()[:2] for line in lines[4:10]] == [
        [model, weight_format] for model in ("small", "large") for weight_format in ("bf16", "fp8", "awq,")
    ]
    assert all(card in lines[2] for card in CARDS)
    assert lines[4].count("(") == 1 + len(CARDS)


def test_a_run_without_gpus_has_core_hours_and_no_cards(results):
    text = estimate_work(planned_work(results, ENTRY | {"gpus": 0, "train_gpus": 0}), results)
    assert "CPU core" in text
    assert not any(card in text for card in CARDS)
    assert row(text, "distil small_pupil")[-1] == "<0.01"
    assert "Number of cards" not in text
    assert "cards x windows" not in text


def test_a_training_on_gpus_is_shown_with_its_micro_batch_on_every_card(results):
    text = estimate_work(planned_work(results), results)
    assert re.fullmatch(r"16: \d+\.\d", row(text, "small_pupil")[-1])
    assert "Micro-batch" not in estimate_work(planned_work(results, ENTRY | {"train_gpus": 0}), results)
    work = planned_work(results, ENTRY | {"gpu_type": "a100_40gb"})
    work["models"]["small"] |= {"train_gpus": 8, "nodes": 2}
    cells = row(estimate_work(work, results), "small_pupil")
    assert cells[1] == "16 x 1"
    assert cells[-1].startswith("1: ")


def test_zero3_is_read_from_the_file_of_deepspeeds_settings(results, monkeypatch):
    monkeypatch.setattr(cost_estimate, "read_shape", lambda folder: QWEN3_32B)
    work = planned_work(results, ENTRY | {"train_gpus": 4, "gpu_type": "a100_40gb"})
    assert "students.deepspeed" not in estimate_work(
        work | {"deepspeed": str(CONFIG / "deepspeed/zero3.json")}, results
    )
    text = estimate_work(work, results)
    assert "students.deepspeed: config/deepspeed/zero3.json" in text
    assert text.index("Micro-batch") < text.index("distil small_pupil: one trace") < text.index("Hours")


def test_a_number_of_gpus_that_cannot_share_the_heads_is_marked(results):
    text = estimate_work(planned_work(results, ENTRY | {"gpus": 7}), results)
    assert re.search(r"small: gpus: 7 cannot share \d+ attention heads?; use 1", text)
    assert "cannot share" not in estimate_work(planned_work(results), results)


@pytest.mark.parametrize(
    ("gpu_type", "said"),
    [
        ("mi300x", "gpu_type mi300x: not known to the plan; read the column of a card with its memory"),
        ("a40", "gpu_type a40: has no column; read that of a card with about 48 GB"),
        ("h100", ""),
    ],
)
def test_a_card_without_a_column_is_named(results, gpu_type, said):
    text = estimate_work(planned_work(results, ENTRY | {"gpu_type": gpu_type}), results)
    assert (text.count(said) == 1) if said else ("gpu_type" not in text)


def test_the_transformers_engine_ignores_engine_options_and_the_plan_says_so(results):
    plain = ENTRY | {"gpus": 0, "train_gpus": 0}
    before = estimate_work(planned_work(results, plain), results)
    after = estimate_work(
        planned_work(results, plain | {"engine_options": {"quantization": "fp8", "max_model_len": 1}}), results
    )
    assert after.startswith(before)
    assert "small: its engine_options apply to vllm and server only" in after


def test_a_prompt_that_does_not_fit_the_context_is_named(results):
    assert "exceed its context" not in estimate_work(planned_work(results), results)
    work = planned_work(results)
    work["loads"][0]["max_new_tokens"] = 10**6
    text = estimate_work(work, results)
    assert re.search(r"small: its longest prompt of \d+ tokens and decoding.max_new_tokens of 1000000 exceed", text)
    assert "large: its" not in text


def test_layers_that_a_base_lacks_are_refused_and_not_estimated(results):
    work = planned_work(results)
    work["training"] = TRAINING | {"lora": TRAINING["lora"] | {"target_modules": ["q_proj", "nonsense"]}}
    with pytest.raises(UserError, match=r"students.training.lora.target_modules: nonsense is no linear layer of small"):
        estimate_work(work, results)


def test_prompts_that_leave_no_room_for_a_trace_are_a_warning(results):
    work = planned_work(results)
    said = "leaves no room for a trace in students.training.max_length of"
    assert said not in estimate_work(work, results)
    assert f"{said} 16: raise it" in estimate_work(work | {"training": TRAINING | {"max_length": 16}}, results)


def test_the_smallest_of_several_datasets_limits_the_windows_of_a_training(results):
    splits = make_splits({"a": None, "b": 1}) | {"windows": {"all": 5, "train1": 2, "test1": 3}}
    write_json(results / "datasets/small-one/splits.json", splits)
    text = estimate_work(planned_work(results, sized=["flat", "small-one"]), results)
    assert row(text, "distil small_pupil")[1] == "2"


def test_the_trainings_of_several_folds_are_one_row(results):
    event = {"id": 1, "time": "10:00:00", "description": "Door opens."}
    rows = [complete_window({"window_id": f"flat/{s}/0", "events": [event]}) for s in "abcdef"]
    write_json_lines(results / "datasets/flat/windows.jsonl", rows)
    write_json(
        results / "datasets/flat/splits.json", make_splits(dict(zip("abcdef", [1, 2, 2, 3, 3, 3], strict=True)), rows)
    )
    work = planned_work(results)
    work["loads"] = [planned_load(results, "large", "all")]
    sources = [planned_source(results, "large") | {"traces_split": "all"}]
    work["trainings"] = [work["trainings"][0] | {"fold": fold, "sources": sources} for fold in (1, 2, 3)]
    work["split"] |= {"folds": 3}
    work["taught"] = [["large", "flat", "all"]]
    text = estimate_work(work, results)
    assert row(text, "distil small_pupil")[:2] == ["distil small_pupil x 3 folds", str(5 + 4 + 3)]
    assert (
        "3 folds: every window is tested. Trainings, one for each student and fold: 3; windows recognised: 6." in text
    )
    assert "tests 30 % of the groups. Trainings: 1; windows recognised: about 6." in text


def test_a_plain_split_has_every_sample_of_a_teacher_and_its_part_of_a_students_own_text():
    samples = ["large_sampled", "large_sampled_decode1"]
    taught = [[name, "flat", "all"] for name in samples]
    work = {"split": {"folds": 3, "test_fraction": 0.25}, "taught": taught, "trainings": []}
    loads = {(name, "flat", "all"): replace(LOAD, windows=100) for name in samples}
    assert "windows recognised: about 200." in compare_with_plain_split(work, loads)
    own = {
        ("pupil_policy", "flat", f"train{fold}"): replace(LOAD, windows=count)
        for fold, count in [(1, 60), (2, 70), (3, 70)]
    }
    assert "windows recognised: about 275." in compare_with_plain_split(work, loads | own)


def test_the_plan_says_what_further_seeds_cost(results):
    work = planned_work(results)
    assert "Seeds of" not in estimate_work(work, results)
    work["loads"] += [planned_load(results, f"small_decode{seed}", "test1", "small") for seed in (1, 2)]
    work["trainings"] += [work["trainings"][0] | {"student": f"small_pupil_seed{seed}"} for seed in (1, 2)]
    text = estimate_work(work, results)
    assert (
        "Seeds of sampling (`decoding.seeds`, `self_consistency`, `teacher_samples`): of 28 windows recognised, 16 are "
        "of a first" in text
    )
    assert "Seeds of training (`students.seeds`): trainings: 3; with one seed: 1." in text


@pytest.mark.parametrize(
    ("changes", "windows"),
    [
        ({}, 12),
        ({"balance": "home"}, 8),
        ({"max_examples": 6}, 6),
        ({"max_examples": 5, "balance": "home"}, 5),
        ({"max_examples": 100, "replay": 0.25}, 16),
        ({"replay": 0.25}, 16),
        ({"replay": 0.25, "max_examples": 8}, 8),
    ],
)
def test_the_traces_of_several_datasets_and_replayed_ones_are_counted(results, changes, windows):
    shutil.copytree(results / "datasets/flat", results / "datasets/large-one")
    splits = read_json_object(results / "datasets/flat/splits.json")
    write_json(results / "datasets/large-one/splits.json", splits | {"windows": {"all": 9, "train1": 8, "test1": 1}})
    work = planned_work(results)
    for name in ("large", "small"):
        work["loads"].append(planned_load(results, name, "train1") | {"dataset": "large-one"})
    sources = [planned_source(results, "large", name) for name in ("flat", "large-one")]
    if "replay" in changes:
        sources.append(planned_source(results, "small", "large-one", is_replayed=True))
    work["trainings"] = [work["trainings"][0] | {"sources": sources} | changes]
    assert row(estimate_work(work, results), "distil small_pupil")[1] == str(windows)


def test_max_examples_limits_the_windows_of_a_training(results):
    text = estimate_work(planned_work(results, max_examples=3), results)
    assert row(text, "distil small_pupil")[1] == "3"


def test_a_student_without_a_teacher_learns_from_the_train_split(results):
    text = estimate_work(planned_work(results, teacher=""), results)
    assert row(text, "distil small_pupil")[1] == "4"
    assert row(text, "recognise large")[2] == "6"


@pytest.mark.parametrize("teacher", ["large", ""])
def test_a_student_that_learns_labels_does_not_read_traces(results, teacher):
    work = planned_work(results, teacher=teacher)
    for one in (*work["loads"], *work["trainings"]):
        one["max_new_tokens"] = 4000
    whole = estimate_work(work, results)
    work["trainings"][0]["reasons"] = False
    labels = estimate_work(work, results)
    assert int(row(whole, "small_pupil")[2]) - int(row(labels, "small_pupil")[2]) == 4000 - 15
    assert row(whole, "distil small_pupil")[3] == "<= 0.02"
    assert row(labels, "distil small_pupil")[3] == "<= 0.00"


def test_a_served_model_has_no_hours(results):
    work = planned_work(results, teacher="")
    work["loads"][1]["model"] = "served"
    work["engines"]["served"], work["models"]["served"] = "openai", ENTRY
    assert row(estimate_work(work, results), "recognise large")[1:] == ["openai", "6", "0.00", "<= 0.00"]


def test_the_windows_of_a_cell_are_those_of_the_cache():
    tokens = gpu_memory.cache_tokens(QWEN3_32B, "bf16", CARDS["H100-80"])
    assert windows_held(QWEN3_32B, LOAD.longest, JOB) == (tokens - 900) // (700 + 4096)
