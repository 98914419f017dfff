"""The provenance of a whole run, as one document for programs.

It is a function of results, config and code: it holds no dates, no absolute paths and no timings.
"""

from collections.abc import Mapping
from typing import Any, TypedDict

from hearth.common.job_stats import JobStats
from hearth.evaluation.code_version import library_versions

_SCORE_KEYS = ("recogniser", "dataset", "kind", "variant", "n_windows", "n_events", "n_sessions", "provenance")
_ENVIRONMENT_KEYS = ("engine", "device", "dtype", "versions")

Documents = Mapping[str, Mapping[str, Any]]


class CodeVersion(TypedDict):
    """The git commit of the code, and the versions of the libraries that evaluated."""

    commit: str
    libraries: dict[str, str]


class JobGroup(TypedDict):
    """Jobs that ran in the same environment: engine, device, dtype and versions, and the folders of the jobs."""

    ran: dict[str, Any]
    jobs: list[str]


class RunProvenance(TypedDict):
    """The document provenance.json. Keys that are paths lie below the run's directory.

    `datasets` (splits.json), `prompts`, `models` (snapshot.json) and `students` (training logs) are by name, `scores`
    by path, and `digests` has the SHA-256 of files by path. Prompts are without their text, training logs without
    losses, and scores without their metrics.
    """

    code: CodeVersion
    config: dict[str, Any]
    datasets: dict[str, Any]
    prompts: dict[str, Any]
    models: dict[str, Any]
    students: dict[str, Any]
    scores: dict[str, Any]
    jobs: list[JobGroup]
    digests: dict[str, str]


def run_provenance(
    config: dict[str, Any],
    commit: str,
    scores: Documents,
    splits: Documents,
    prompts: Documents,
    models: Documents,
    students: Documents,
    stats: Mapping[str, JobStats],
    digests: Mapping[str, str],
) -> RunProvenance:
    """Build the provenance of a run. Raises ValueError for a score without the splits.json of its dataset.

    `scores` and `stats` are by path, `splits`, `models` and `students` (training logs) by name of dataset, model and
    student, `prompts` by name. `digests` has the SHA-256 of files by path, those of the scores among them.
    """
    for path, score in scores.items():
        if score["dataset"] not in splits:
            raise ValueError(f"{path}: --splits has no splits.json of its dataset {score['dataset']}")
    return {
        "code": {"commit": commit, "libraries": library_versions()},
        "config": config,
        "datasets": dict(splits),
        "prompts": {name: _without(prompt, "system") for name, prompt in prompts.items()},
        "models": dict(models),
        "students": {name: _without(log, "losses") for name, log in students.items()},
        "scores": {path: {key: score[key] for key in _SCORE_KEYS} for path, score in scores.items()},
        "jobs": _grouped_jobs(stats),
        "digests": dict(digests),
    }


def _without(document: Mapping[str, Any], omitted: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != omitted}


def _grouped_jobs(stats: Mapping[str, JobStats]) -> list[JobGroup]:
    """Group jobs by the environment that they ran in, in order of appearance."""
    groups: list[JobGroup] = []
    for path, job in stats.items():
        environment = {key: value for key, value in job.items() if key in _ENVIRONMENT_KEYS}
        group = next((known for known in groups if known["ran"] == environment), None)
        if group is None:
            group = {"ran": environment, "jobs": []}
            groups.append(group)
        # Folders, not files: how many shards share the windows of a split decides no result.
        folder = path.rpartition("/")[0]
        if folder not in group["jobs"]:
            group["jobs"].append(folder)
    return groups
