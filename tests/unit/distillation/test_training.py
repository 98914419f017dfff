"""Run distil.py under torchrun on a random tiny model; each run takes some ten seconds."""

import json
import re
import signal
import subprocess
import sys

import pytest
import training_fixtures as fixtures
from hearth.common import files
from hearth.distillation.card import model_card
from safetensors.numpy import load_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and process trees as on Linux")


NO_DROPOUT = {**fixtures.SETTINGS["lora"], "dropout": 0}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, tiny_model):
    training = fixtures.Training(tmp_path_factory.mktemp("uninterrupted"), tiny_model)
    assert training.run() == 0, training.log
    return training


def test_a_student_learns_and_every_lora_b_has_moved(uninterrupted):
    log = files.read_json(uninterrupted.folder / "out" / "training_log.json")
    assert log["steps"] == len(log["losses"]) == 12
    assert log["losses"][-1] < log["losses"][0] - 0.1
    weights = load_file(uninterrupted.folder / "out" / "adapter" / "adapter_model.safetensors")
    moved = [name for name, values in weights.items() if "lora_B" in name and abs(values).max() > 0]
    assert len(moved) == 2 * 4  # layers x target modules
    assert uninterrupted.log.count("micro-batches of 2 examples (micro_batch_size: 2)\n") == 1


def test_outputs_contain_no_paths_and_no_times(uninterrupted):
    out = uninterrupted.folder / "out"
    assert sorted(path.name for path in (out / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    config = files.read_json(out / "adapter" / "adapter_config.json")
    assert config["base_model_name_or_path"] == "tiny"
    assert config["target_modules"] == sorted(config["target_modules"])
    for path in (out / "training_log.json", out / "model_card.md", out / "adapter" / "adapter_config.json"):
        text = path.read_text()
        assert str(uninterrupted.folder) not in text
        assert "seconds" not in text
    card = (out / "model_card.md").read_text()
    assert "Simulated home." in card
    assert "stand-in: random weights" in card
    assert "24; used 24" in card
    assert "its mistakes are learned too" in card
    of_gold_labels = model_card(files.read_json(out / "training_log.json") | {"recipe": "gold-labels"}, [])
    assert "recorded labels" in of_gold_labels
    assert "mistakes" not in of_gold_labels


class TrainingOnHomes(fixtures.Training):
    """A training on two homes of 6 and 4 traces, each with its own prompt, with replayed traces of a third."""

    def __init__(self, folder, model):
        super().__init__(folder, model, windows=6, dtype="float32", epochs=1)
        self.homes = [self, *(fixtures.Training(folder / name, model, windows=4) for name in ("second", "third"))]
        for home in self.homes[1:]:
            prompt = fixtures.PROMPT | {"system": f"Home {home.folder.name}. {fixtures.PROMPT['system']}"}
            files.write_json(home.folder / "prompt.json", prompt)
            for name in ("windows", "traces"):
                path = home.folder / f"{name}.jsonl"
                path.write_text(path.read_text().replace("toy", home.folder.name))

    @property
    def options(self):
        *own, replayed = self.homes
        options = super().options | {"trained-on": "both"}
        options["training"] = json.dumps(json.loads(options["training"]) | {"balance": "home", "replay": 0.2})
        for name, file in (("windows", "windows.jsonl"), ("splits", "splits.json"), ("prompt", "prompt.json")):
            options[name] = [home.folder / file for home in own]
            options[f"replay-{name}"] = [replayed.folder / file]
        options["traces"] = [home.folder / "traces.jsonl" for home in own]
        return options | {"replay-traces": [replayed.folder / "traces.jsonl"], "replay-traces-split": "train1"}


def test_a_student_of_two_homes_with_replayed_traces_says_what_it_learned_from(tmp_path, tiny_model):
    training = TrainingOnHomes(tmp_path, tiny_model)
    assert training.run() == 0, training.log
    log = files.read_json(tmp_path / "out" / "training_log.json")
    assert (log["dataset"], log["balance"], log["examples"]["used"]) == ("both", "home", 10)
    assert [(part["dataset"], part["is_replayed"], part["counts"]["used"]) for part in log["parts"]] == [
        ("toy", False, 4),
        ("second", False, 4),
        ("third", True, 2),
    ]
    assert log["static_prefix"] == "once an optimizer step"
    assert "3 static prefixes (up to " in training.log
    assert "toy: 4 of 6 traces\nsecond: 4 of 4 traces\nthird: 2 of 4 traces of the base itself" in training.log
    card = (tmp_path / "out" / "model_card.md").read_text()
    assert "both: toy (4 of 6), second (4 of 4); balanced by home, split train1" in card
    assert "third (2 of 4); 20.0% of all examples" in card


def test_stats_report_examples_time_memory_and_versions(uninterrupted):
    stats = files.read_json(uninterrupted.folder / "out" / "training.stats.json")
    assert stats["examples"] == 48
    assert stats["seconds"] > 0
    assert stats["peak_memory_bytes"] > 0
    assert stats["versions"].keys() >= {"torch", "peft", "deepspeed"}


def test_a_killed_run_with_a_damaged_checkpoint_ends_bitwise_the_same(uninterrupted, tmp_path, tiny_model):
    training = fixtures.Training(tmp_path, tiny_model)
    assert training.interrupt(step=8, signal_number=signal.SIGKILL) != 0
    newest, before = training.checkpoints
    assert (newest.name, before.name) == ("checkpoint-6", "checkpoint-3")
    weights = newest / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    assert training.run() == 0, training.log
    assert "checkpoint-6 is not used: adapter_model.safetensors is damaged" in training.log
    assert training.log.count("step 4/12") == 2
    assert training.adapter == uninterrupted.adapter
    for name in ("training_log.json", "model_card.md"):
        assert (tmp_path / "out" / name).read_bytes() == (uninterrupted.folder / "out" / name).read_bytes()
    assert files.read_json(tmp_path / "out" / "training.stats.json")["resumed_from_step"] == 3


def test_a_terminated_run_saves_a_checkpoint_fails_and_resumes(uninterrupted, tmp_path, tiny_model):
    training = fixtures.Training(tmp_path, tiny_model, save_steps=100)
    assert training.interrupt(step=4, signal_number=signal.SIGTERM) != 0
    stopped = int(re.search(r"error: stopped at step (\d+) of 12; a checkpoint is saved", training.log)[1])
    assert [path.name for path in training.checkpoints] == [f"checkpoint-{stopped}"]
    assert not (tmp_path / "out" / "adapter").exists()
    assert training.run() == 0, training.log
    assert training.log.count(f"step {stopped}/12") == 1
    assert training.adapter == uninterrupted.adapter


@pytest.fixture(scope="module")
def single_rank(tmp_path_factory, tiny_model):
    training = fixtures.Training(tmp_path_factory.mktemp("single_rank"), tiny_model, lora=NO_DROPOUT)
    assert training.run() == 0, training.log
    return training


@pytest.mark.parametrize(
    ("changed", "prefix"),
    [
        ({"zero": 2, "shared_prefix": False, "micro_batch_size": 1}, "with every example"),
        ({"zero": 0, "micro_batch_size": 4}, "once an optimizer step"),
        ({"zero": 2, "ranks": 2, "gradient_checkpointing": True}, "once an optimizer step"),
        (
            {"zero": 3, "ranks": 2, "gradient_checkpointing": True},
            "with every example, not once a step: ZeRO-3 follows one pass through the whole model; use ZeRO-2",
        ),
    ],
)
def test_zero_stages_ranks_micro_batches_and_prefix_encodings_give_the_same_losses(
    single_rank, tmp_path, tiny_model, changed, prefix
):
    other = fixtures.Training(tmp_path, tiny_model, lora=NO_DROPOUT, **changed)
    assert other.run() == 0, other.log
    logs = [files.read_json(training.folder / "out" / "training_log.json") for training in (single_rank, other)]
    assert [log["static_prefix"] for log in logs] == ["once an optimizer step", prefix]
    assert f"tokens): encoded {prefix}\n" in other.log
    assert logs[1]["losses"] == pytest.approx(logs[0]["losses"], rel=1e-3)
    assert logs[1]["trainable_parameters"] == logs[0]["trainable_parameters"] > 0


def test_dropout_depends_neither_on_ranks_nor_on_micro_batches(uninterrupted, tmp_path, tiny_model):
    other = fixtures.Training(tmp_path, tiny_model, ranks=2, micro_batch_size=1)
    assert other.run() == 0, other.log
    logs = [files.read_json(training.folder / "out" / "training_log.json") for training in (uninterrupted, other)]
    assert logs[1]["losses"] == pytest.approx(logs[0]["losses"], rel=1e-3)


@pytest.mark.parametrize("zero", [2, 3])
def test_a_last_step_with_fewer_examples_than_ranks_gives_the_losses_of_one_rank(tmp_path, tiny_model, zero):
    one, two = (
        fixtures.Training(tmp_path / str(ranks), tiny_model, windows=5, ranks=ranks, zero=zero, lora=NO_DROPOUT)
        for ranks in (1, 2)
    )
    for training in (one, two):
        assert training.run() == 0, training.log
    logs = [files.read_json(training.folder / "out" / "training_log.json") for training in (one, two)]
    assert logs[0]["steps"] == 4
    assert logs[1]["losses"] == pytest.approx(logs[0]["losses"], rel=1e-4)


@pytest.mark.slow
def test_a_killed_run_of_two_ranks_under_zero_3_ends_bitwise_the_same(tmp_path, tiny_model):
    uninterrupted, killed = (
        fixtures.Training(tmp_path / name, tiny_model, windows=12, ranks=2, zero=3, save_steps=1)
        for name in ("uninterrupted", "killed")
    )
    assert uninterrupted.run() == 0, uninterrupted.log
    assert killed.interrupt(step=2, signal_number=signal.SIGKILL) != 0
    assert killed.run() == 0, killed.log
    assert files.read_json(killed.folder / "out" / "training.stats.json")["resumed_from_step"] > 0
    assert killed.adapter == uninterrupted.adapter


def test_no_option_is_an_abbreviation_of_an_option_of_torchrun():
    import distil
    from torch.distributed.run import get_args_parser

    theirs = [option for action in get_args_parser()._actions for option in action.option_strings]
    help_text = subprocess.run([sys.executable, distil.__file__, "--help"], capture_output=True, text=True, check=True)
    ours = set(re.findall(r"--[a-z-]+", help_text.stdout)) - {"--help"}
    assert "--training-log" in ours
    assert [(our, their) for our in ours for their in theirs if their.startswith(our)] == []


@pytest.mark.parametrize(
    ("rank", "arguments", "message"),
    [
        (None, {"nodes": 2}, "error: training on 2 nodes needs a SLURM job"),
        ("0", {"training": "{"}, "error: --training: not JSON"),
        (
            "0",
            {"training": json.dumps({**fixtures.SETTINGS, "learning_rate": "1e-4"})},
            "error: training.learning_rate",
        ),
        ("0", {"model": "nowhere"}, "error: nowhere: no snapshot.json"),
    ],
)
def test_bad_input_ends_in_one_line(tmp_path, monkeypatch, capsys, rank, arguments, message):
    import distil
    from hearth.common import cli

    for name in ("RANK", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setattr(distil, "prepare_environment", distil.prepare_environment if rank is None else lambda: None)
    training = fixtures.Training(tmp_path, tmp_path / "model")
    options = training.options | arguments
    with pytest.raises(SystemExit) as ended:
        cli.run(lambda: distil.main([str(part) for name, value in options.items() for part in (f"--{name}", value)]))
    assert ended.value.code == 1
    printed = capsys.readouterr().err
    assert printed.startswith(message)
    assert printed.count("\n") == 1


def test_a_training_of_one_step_of_warm_up_is_refused_after_saying_what_is_left_out(
    tmp_path, tiny_model, monkeypatch, capsys
):
    import distil

    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setattr(distil, "prepare_environment", lambda: None)
    training = fixtures.Training(tmp_path, tiny_model, windows=4, epochs=1, max_length=400)
    traces = files.read_json_lines(tmp_path / "traces.jsonl")
    traces[0]["text"] *= 50
    files.write_json_lines(tmp_path / "traces.jsonl", traces)
    with pytest.raises(ValueError, match=r"only 1 step.*: 3 examples, students.training.batch_size 4, epochs 1\. Use"):
        distil.main([str(part) for name, value in training.options.items() for part in (f"--{name}", value)])
    assert "1 of 4 traces are left out: with their prompts they have more than 400 tokens" in capsys.readouterr().out
