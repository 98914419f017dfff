from dataclasses import replace

from hearth.common.files import write_json
from hearth.distillation.memory_estimate import Longest
from hearth.models.snapshot import FETCHED, SNAPSHOT
from hearth.workflow.cards import CARDS, card_of_device
from hearth.workflow.memory_checks import check_gpu_memory, check_training_memory, read_shapes
from hearth.workflow.throughput import Job
from hearth.workflow.training_memory import Training
from model_shapes import QWEN3_32B
from plan_factories import SERVED, training_settings

A100, H100 = ("NVIDIA A100-SXM4-40GB", 42_300_000_000), ("NVIDIA H100 80GB HBM3", 85_000_000_000)
TRAINING = Training("m", QWEN3_32B, training_settings(), Longest(1024, 5120), 2, 2, "")
VLLM = Job("vllm", "bf16", gpus=1)


def check(findings, devices, job=VLLM, shape=QWEN3_32B):
    check_gpu_memory(findings, "qwen3-32b", shape, replace(job, gpus=len(devices)), 4096, devices)
    (text,) = [*findings.problems, *findings.facts]
    return text


def test_a_gpu_that_holds_the_model_says_for_how_many_windows(findings):
    text = check(findings, [H100])
    assert not findings.problems
    assert (
        "65.5 GB of weights as bf16, and a cache for 5 windows of 2048 + 4096 tokens (those of the prompt are assumed)"
        in text
    )


def test_a_gpu_that_is_too_small_is_a_problem_with_the_counts_and_formats_that_do(findings):
    text = check(findings, [A100])
    assert findings.problems
    assert "model qwen3-32b on 1 x NVIDIA A100-SXM4-40GB with 42 GB" in text
    assert "set gpus: 2" in text
    assert "quantization: fp8" not in text  # 34 GB leave no room for a window of that length


def test_fp8_is_advised_where_it_does(findings):
    assert "quantization: fp8" in check(findings, [("NVIDIA L40S", 47_670_000_000)])


def test_several_gpus_share_a_model(findings):
    assert "windows" in check(findings, [A100] * 4)
    assert not findings.problems


def test_a_number_that_does_not_divide_the_heads_is_a_problem(findings):
    text = check(findings, [H100] * 3)
    assert "cannot split it over 3 GPUs (gpus: 3 cannot share 64 attention heads; use 1, 2, 4, 8)" in text


def test_the_smallest_of_the_gpus_counts(findings):
    assert "2 x NVIDIA A100" in check(findings, [H100, A100])


def test_the_transformers_engine_needs_the_whole_model_on_each_gpu(findings):
    text = check(
        findings, [H100, H100], replace(VLLM, engine="transformers"), replace(QWEN3_32B, weight_bytes=80 * 10**9)
    )
    assert findings.problems
    assert "about 96 GB on each" in text


def test_a_training_says_how_many_of_the_longest_examples_the_smallest_gpu_holds(findings):
    check_training_memory(findings, TRAINING, [H100, H100])
    (text,) = findings.facts
    assert text.startswith("training of m on NVIDIA H100 80GB HBM3 with 85 GB, examples of 6144 tokens")
    assert text.endswith(" (2048 of the prompt are assumed): 2 at a time on each")
    assert not findings.problems


def test_a_training_whose_longest_example_does_not_fit_is_a_problem(findings):
    check_training_memory(findings, replace(TRAINING, settings=training_settings(gradient_checkpointing=False)), [H100])
    (text,) = findings.problems
    assert (
        "H100 80GB HBM3 with 85 GB, examples of 6144 tokens (2048 of the prompt are assumed): not even one fits" in text
    )
    assert "gradient_checkpointing: true" in text


def test_weights_that_a_gpu_does_not_hold_fit_under_zero3(findings):
    check_training_memory(findings, TRAINING, [H100, A100])
    (text,) = findings.problems
    assert "A100-SXM4-40GB with 42 GB" in text
    assert "zero3.json" in text
    check_training_memory(findings, replace(TRAINING, ranks=4, zero_stage=3), [A100] * 2)
    assert len(findings.problems) == len(findings.facts) == 1


def test_a_models_shape_is_read_where_it_is_fetched(findings, tiny_model, tmp_path):
    (tmp_path / "small").symlink_to(tiny_model)
    write_json(tmp_path / "served" / SNAPSHOT, SERVED)
    shapes = read_shapes(findings, [tmp_path / name for name in ("small", "served", "coming")])
    assert list(shapes) == ["small"]
    assert findings.skipped == ["size of model coming: the model is not fetched yet"]
    assert not findings.facts


def test_a_model_whose_linked_file_is_gone_is_not_called_unfetched(findings, tmp_path):
    write_json(tmp_path / "m" / SNAPSHOT, SERVED)
    (tmp_path / "m" / "a.json").symlink_to(tmp_path / "gone")
    looked = {"target": "", "size": 1, "mtime_ns": 0, "inode": 0, "sha256": ""}
    write_json(tmp_path / "m" / FETCHED, {"source": "", "revision": "", "files": {"a.json": looked}})
    assert read_shapes(findings, [tmp_path / "m"]) == {}
    (text,) = findings.skipped
    assert "cannot read" in text
    assert "not fetched" not in text


def test_vllms_defaults_follow_the_device():
    assert card_of_device(*A100).sequences == card_of_device("NVIDIA A100-SXM4-80GB", 85 * 10**9).sequences == 256
    assert card_of_device(*H100) == replace(CARDS["H100-80"], memory=H100[1])
    assert card_of_device("NVIDIA B200", 190 * 10**9).batched_tokens == 16384
