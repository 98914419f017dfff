import json
import math
import os
import signal
import subprocess
import sys
import time

import pytest
from echo_engine import DECODING, PROMPT, SPLITS, WINDOWS, Echo
from hearth.common import files
from hearth.engines.protocol import Completion, Decoding, ScoredToken
from hearth.recognition.shards import recognise_shard
from repository import SCRIPTS
from window_factories import write_indexed


def run(engine, work, windows=WINDOWS, prompt=PROMPT, decoding=DECODING, model="m"):
    return recognise_shard(windows, prompt, engine, Decoding.from_settings(decoding), {"model": model}, work)


def test_predictions_come_in_window_order_with_all_fields(tmp_path):
    predictions, stats = run(Echo(), tmp_path)
    assert [p["window_id"] for p in predictions] == [w["window_id"] for w in WINDOWS]
    keys = ["window_id", "text", "finish_reason", "prompt_tokens", "completion_tokens", "seed"]
    assert [list(p) for p in predictions] == [keys] * 20
    assert "🏠" in predictions[1]["text"]
    assert predictions[0]["seed"] == 3
    assert stats["windows"] == 20
    assert stats["completion_tokens"] == 140
    assert {
        "seconds",
        "prompt_tokens",
        "peak_memory_bytes",
        "device",
        "dtype",
        "batch_size",
        "engine",
        "versions",
    } < set(stats)


class Confident(Echo):
    """An engine whose answers have tokens of known probability."""

    def complete(self, prefix, requests, decoding):
        for request in requests:
            tokens = [('[{"id": 2, "activity": ', 0.1), ('"EAT', 0.5), ("ING", 0.5), ('"}', 0.8), ("]", 0.9)]
            text, scored = "", []
            for token, probability in tokens:
                text += token
                scored.append(ScoredToken(len(text), math.log(probability)))
            yield [Completion(request.key, text, "stop", 9, 5, True, tuple(scored))]


def test_a_labels_confidence_is_that_of_its_tokens_and_closing_quote(tmp_path):
    decoding = {**DECODING, "confidence": "tokens", "reasoning_budget": 10}
    predictions, _ = run(Confident(), tmp_path, decoding=decoding)
    assert [p["confidences"] for p in predictions] == [[None, 0.2, None]] * 20
    assert predictions[0]["reasoning_forced"] is True


def test_constrained_requests_carry_the_schema_of_their_window(tmp_path):
    engine, received = Echo(), []
    complete = engine.complete

    def watched(prefix, requests, decoding):
        received.extend(requests)
        return complete(prefix, received, decoding)

    engine.complete = watched
    run(engine, tmp_path, decoding={**DECODING, "constrained": True})
    schemas = [json.loads(request.schema) for request in received]
    assert [[item["properties"]["id"]["const"] for item in schema["prefixItems"]] for schema in schemas] == [
        [1, 2, 3]
    ] * 20
    assert schemas[0]["prefixItems"][0]["properties"]["activity"] == {"enum": ["COOKING", "EATING"]}


def test_inline_reasoning_cannot_be_constrained(tmp_path):
    prompt = {**PROMPT, "reasoning": "inline"}
    with pytest.raises(ValueError, match="constrained needs reasoning"):
        run(Echo(), tmp_path, prompt=prompt, decoding={**DECODING, "constrained": True})


def test_longest_prompts_go_first_and_order_is_that_of_the_shard_alone(tmp_path):
    engine = Echo()
    run(engine, tmp_path)
    lengths = {w["window_id"]: len(w["events"][0]["description"]) for w in WINDOWS}
    in_order = [lengths[key] for batch in engine.batches for key in batch]
    assert in_order == sorted(in_order, reverse=True)


@pytest.mark.parametrize("killed_after", range(7))
def test_a_resumed_shard_has_the_batches_and_the_result_of_an_uninterrupted_one(tmp_path, killed_after):
    whole = Echo()
    uninterrupted, _ = run(whole, tmp_path / "a")
    first, second = Echo(fail_after=killed_after), Echo()
    with pytest.raises(KeyboardInterrupt):
        run(first, tmp_path / "b")
    resumed, stats = run(second, tmp_path / "b")
    assert resumed == uninterrupted
    assert first.batches + second.batches == whole.batches
    assert stats["windows"] == 20


def test_a_finished_shard_is_not_done_again(tmp_path):
    first, _ = run(Echo(), tmp_path)
    idle = Echo()
    assert run(idle, tmp_path)[0] == first
    assert idle.batches == []


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"decoding": {**DECODING, "seed": 4}},
        {"decoding": {**DECODING, "reasoning_budget": 30}},
        {"prompt": {**PROMPT, "system": "Other."}},
        {"windows": WINDOWS[:-1]},
        {"windows": [{**WINDOWS[0], "events": WINDOWS[1]["events"]}, *WINDOWS[1:]]},
    ],
)
def test_a_change_that_decides_the_result_starts_anew(tmp_path, change):
    run(Echo(), tmp_path)
    engine = Echo()
    run(engine, tmp_path, **change)
    assert sum(map(len, engine.batches)) == len(change.get("windows", WINDOWS))


def test_similar_windows_are_shown_before_the_window_and_not_in_the_prefix(tmp_path):
    dataset = [each | {"session": each["window_id"].split("/")[1], "gold": ["sleeping"] * 3} for each in WINDOWS]
    test = [each for each in dataset if each["session"].startswith("test")]
    prompt = {**PROMPT, "shots": 1, "shots_by": "similarity"}
    arguments = (prompt, Echo(), Decoding.from_settings(DECODING), {"model": "m"}, tmp_path)
    shown, _stats = recognise_shard(test, *arguments, dataset)
    assert all(row["text"].startswith(f"{PROMPT['system']}|Input:\n[") for row in shown)
    assert all(row["text"].count("sleeping") == 3 for row in shown)
    [alone], _stats = recognise_shard(test[5:6], *arguments, dataset)
    assert alone == shown[5]


def test_a_change_that_does_not_decide_the_result_starts_nothing(tmp_path):
    run(Echo(), tmp_path)
    engine = Echo(batch_size=5)
    run(engine, tmp_path, windows=[{**w, "gold": ["sleeping"] * 3} for w in WINDOWS])
    assert engine.batches == []


# --- the programs themselves


def command(tiny_model, folder, name, batch_size=2, **options):
    windows, index, splits = write_indexed(folder, WINDOWS, SPLITS)
    files.write_json(folder / "prompt.json", PROMPT)
    values = {
        "engine": "transformers", "model": tiny_model, "windows": windows,
        "index": index, "splits": splits,
        "split": "test1", "shard": "00000-00015",
        "prompt": folder / "prompt.json", "decoding": json.dumps(DECODING), "dtype": "float32", "device": "cpu",
        "batch-size": batch_size, "work": folder / f"work-{name}", "out": folder / f"{name}.jsonl",
        "stats": folder / f"{name}.stats.json", **options,
    }  # fmt: skip
    arguments = [text for key, value in values.items() for text in (f"--{key}", str(value))]
    return [sys.executable, str(SCRIPTS / "recognise.py"), *arguments]


def journal_lines(folder):
    return [line for path in folder.glob("*.jsonl") for line in path.read_bytes().split(b"\n") if line.endswith(b"}")]


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def test_a_killed_program_started_again_ends_with_the_same_bytes(tiny_model, tmp_path):
    subprocess.run(command(tiny_model, tmp_path, "whole"), check=True, env=environment(), capture_output=True)
    killed = subprocess.Popen(command(tiny_model, tmp_path, "killed"), env=environment(), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(journal_lines(tmp_path / "work-killed")) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = journal_lines(tmp_path / "work-killed")
    assert 2 <= len(before) < 8
    assert not (tmp_path / "killed.jsonl").exists()

    subprocess.run(command(tiny_model, tmp_path, "killed"), check=True, env=environment(), capture_output=True)
    assert (tmp_path / "killed.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    after = journal_lines(tmp_path / "work-killed")
    assert after[: len(before)] == before
    assert len(after) == 8  # eight batches in all: none that was journaled was done twice

    subprocess.run(
        command(tiny_model, tmp_path, "five", batch_size=5), check=True, env=environment(), capture_output=True
    )
    assert (tmp_path / "five.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    whole = files.read_json_lines(tmp_path / "whole.jsonl")
    assert [p["window_id"] for p in whole] == [w["window_id"] for w in WINDOWS if w["session"].startswith("test")]
    assert files.read_json(tmp_path / "whole.stats.json")["completion_tokens"] == sum(
        p["completion_tokens"] for p in whole
    )


def test_two_programs_on_one_shard_end_with_one_right_result(tiny_model, tmp_path):
    both = [
        subprocess.Popen(command(tiny_model, tmp_path, "both"), env=environment(), stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    errors = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert len(journal_lines(tmp_path / "work-both")) == 8
    assert len(files.read_json_lines(tmp_path / "both.jsonl")) == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "nowhere"}, "error: nowhere: no snapshot.json"),
        ({"shard": "00000-00099"}, "error: shard 00000-00099 reaches beyond the 16 windows"),
        ({"decoding": '{"temperature": 0}'}, "error: decoding: missing key confidence, missing key constrained, "),
        ({"adapter": "nowhere"}, "error: nowhere/adapter_config.json: missing"),
    ],
)
def test_bad_input_is_one_clear_line(tiny_model, tmp_path, options, message):
    failed = subprocess.run(
        command(tiny_model, tmp_path, "bad", **options), env=environment(), capture_output=True, text=True
    )
    assert failed.returncode == 1
    assert message in failed.stderr
    assert "Traceback" not in failed.stderr
