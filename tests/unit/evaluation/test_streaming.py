"""Test that the programs that follow recognition hold a few windows at a time, however many there are."""

import tracemalloc

import audit
import gather_predictions
import parse_predictions
import pytest
from factories import make_prediction, make_window, write_inputs
from hearth.common.files import write_json, write_json_lines
from hearth.data.indexed_windows import write_windows
from hearth.prompting.prompts import answer_text
from window_factories import WINDOW_SETTINGS, make_splits

WINDOWS, CHARACTERS = 400, 20_000


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Return the inputs of the programs, with `WINDOWS` windows in one shard."""
    folder = tmp_path_factory.mktemp("many")
    paths = write_inputs(folder) | {"index": folder / "windows.index.json", "shards": folder / "shards"}
    windows = [make_window("s", index, ["COOKING", "EATING"]) for index in range(WINDOWS)]
    answer = f"<think>{'Stove. ' * (CHARACTERS // 7)}</think>{answer_text(['COOKING', 'EATING'])}"
    write_windows(paths["windows"], paths["index"], windows, WINDOW_SETTINGS)
    rows = [make_prediction(window["window_id"], answer) for window in windows]
    write_json_lines(paths["shards"] / f"00000-{WINDOWS - 1:05d}.jsonl", rows)
    write_json_lines(paths["predictions"], rows)
    write_json(paths["splits"], make_splits({"s": 1}, windows))
    run(parse_predictions, paths, "windows", "home", "predictions", split="all", out=paths["parsed"])
    return paths


def run(program, paths, *inputs, **options):
    options |= {name: paths[name] for name in inputs}
    program.main([part for name, value in options.items() for part in (f"--{name}", str(value))])


@pytest.mark.parametrize(
    ("program", "inputs", "options"),
    [
        (gather_predictions, ["windows", "index", "shards"], {"split": "all"}),
        (parse_predictions, ["windows", "home", "predictions"], {"split": "all"}),
        (
            audit,
            ["windows", "splits", "home", "prompt", "parsed"],
            {"recogniser": "large", "dataset": "made-up", "split": "all"},
        ),
    ],
)
def test_memory_does_not_grow_with_the_predictions(paths, tmp_path, program, inputs, options):
    run(program, paths, *inputs, **options, out=tmp_path / "warm-up")  # imports and caches
    tracemalloc.start()
    run(program, paths, *inputs, **options, out=tmp_path / "out")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "out").read_bytes().count(b"\n") >= WINDOWS
    assert peak < WINDOWS * CHARACTERS / 4
