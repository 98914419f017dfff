"""The provenance of a whole run: what all its numbers rest on, for programs.

A function of results, config and code: it holds no date, no absolute path, and nothing of how long anything took.
"""

from hearth.evaluation.code_version import library_versions

_RAN = ("engine", "device", "dtype", "versions")
_SCORE_KEYS = ("recogniser", "dataset", "kind", "variant", "n_windows", "n_events", "n_sessions", "provenance")


def of_run(
    config: dict,
    commit: str,
    scores: dict[str, dict],
    splits: dict[str, dict],
    prompts: dict[str, dict],
    models: dict[str, dict],
    students: dict[str, dict],
    stats: dict[str, dict],
    digests: dict[str, str],
) -> dict:
    """The document. What is named by path holds paths below the run's directory.

    `scores` are by path; `splits`, `models` and `students` (training logs) by name of dataset, model and student;
    `prompts` by name; `stats` of jobs by path. `digests` are SHA-256 of files by path, those of scores among them.
    Raises ValueError for a score whose dataset has no split among them.
    """
    for path, score in scores.items():
        if score["dataset"] not in splits:
            raise ValueError(f"{path}: no splits.json of its dataset {score['dataset']} was given")
    return {
        "code": {"commit": commit, "libraries": library_versions()},
        "config": config,
        "datasets": splits,
        "prompts": {name: _without(prompt, "system") for name, prompt in prompts.items()},
        "models": models,
        "students": {name: _without(log, "losses") for name, log in students.items()},
        "scores": {path: {key: score[key] for key in _SCORE_KEYS} for path, score in scores.items()},
        "jobs": _alike(stats),
        "digests": digests,
    }


def _without(document: dict, key: str) -> dict:
    return {name: value for name, value in document.items() if name != key}


def _alike(stats: dict[str, dict]) -> list[dict]:
    """The ways in which jobs ran, each with the jobs that ran so."""
    ways: list[dict] = []
    for path, one in stats.items():
        way = {key: one[key] for key in _RAN if key in one}
        known = next((found for found in ways if found["ran"] == way), None)
        if known is None:
            known = {"ran": way, "jobs": []}
            ways.append(known)
        # How many jobs share a split's windows is no part of any result.
        split = path.rpartition("/")[0]
        if split not in known["jobs"]:
            known["jobs"].append(split)
    return ways
