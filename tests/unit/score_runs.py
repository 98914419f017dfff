"""Run the programs that parse and score on the files of `factories.write_inputs`."""

import json
from pathlib import Path
from typing import Any

import parse_predictions
import score
from factories import METRIC_SETTINGS, make_metadata


def run_parse(paths: dict[str, Path], split: str = "test1") -> None:
    """Run parse_predictions.py on a split."""
    parse_predictions.main(
        [
            *("--windows", str(paths["windows"]), "--home", str(paths["home"]), "--split", split),
            *("--splits", str(paths["splits"])),
            *("--predictions", str(paths["predictions"]), "--out", str(paths["parsed"])),
        ]
    )


def run_score(
    paths: dict[str, Path],
    out: Path,
    metadata: dict[str, Any] | str | None = None,
    recogniser: str = "little",
    student: bool = False,
    model: bool = True,
    metrics: dict[str, Any] = METRIC_SETTINGS,
) -> None:
    """Run score.py on the parsed predictions; it gets the training log if `student`, model and prompt if `model`."""
    score.main(
        [
            *("--recogniser", recogniser, "--dataset", "made-up", "--windows", str(paths["windows"])),
            *("--splits", str(paths["splits"]), "--home", str(paths["home"]), "--parsed", str(paths["parsed"])),
            *(("--prompt", str(paths["prompt"]), "--model", str(paths["model"])) if model else ()),
            *(("--student", str(paths["student"])) if student else ()),
            *("--metadata", json.dumps(metadata or make_metadata()), "--out", str(out)),
            *("--metrics", json.dumps(metrics)),
        ]
    )


def run_folds(folder: Path, folds: int, metrics: dict[str, Any]) -> None:
    """Parse a baseline's predictions of every fold in `folder`, raw<k>.jsonl, and score all of them in score.json."""
    for fold in range(1, folds + 1):
        files = ("--predictions", str(folder / f"raw{fold}.jsonl"), "--out", str(folder / f"parsed{fold}.jsonl"))
        parse_predictions.main([*_inputs(folder), "--split", f"test{fold}", *files])
    score_folds(folder, folds, metrics)


def score_folds(folder: Path, folds: int, metrics: dict[str, Any]) -> None:
    """Score the parsed predictions of a baseline of every fold, parsed<k>.jsonl, in score.json."""
    settings = ("--metadata", json.dumps(make_baseline_metadata()), "--metrics", json.dumps(metrics))
    names = ("--recogniser", "majority", "--dataset", "made-up", "--out", str(folder / "score.json"))
    parsed = [str(folder / f"parsed{fold}.jsonl") for fold in range(1, folds + 1)]
    score.main([*_inputs(folder), *names, *settings, "--parsed", *parsed])


def _inputs(folder: Path) -> list[str]:
    files = [("--windows", "windows.jsonl"), ("--splits", "splits.json"), ("--home", "home.yaml")]
    return [word for option, name in files for word in (option, str(folder / name))]


def make_baseline_metadata(**changes: object) -> dict[str, Any]:
    """Return the metadata of a baseline's score."""
    return make_metadata(**{"kind": "baseline", "base": "", "decoding": {}, "dtype": "", "engine": ""} | changes)
