"""The provenance of a whole run, as one document for programs.

It depends only on results, config and code: it holds no dates, no absolute paths and no timings.
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
    """Jobs that ran in the same environment.

    `ran` describes the environment: engine, device, dtype and library versions. `jobs` lists the folders of the jobs.
    """

    ran: dict[str, Any]
    jobs: list[str]


class RunProvenance(TypedDict):
    """The document provenance.json. All paths in it are relative to the run's directory.

    Students are named <student>/<fold>.

    `datasets`, `prompts`, `models` and `students` map names to the contents of splits.json, the prompt file,
    snapshot.json and the training log. `scores` maps paths to scores, `digests` maps paths of files to their SHA-256.
    Left out are the text of prompts, the losses of training logs and the metrics of scores.
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

    `scores` and `stats` map paths to documents. `splits`, `models` and `students` map names of datasets, models and
    students to splits.json, snapshot.json and training logs; `prompts` maps names to prompts. `digests` maps paths of
    files, the scores among them, to their SHA-256.
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
    """Group jobs by the environment that they ran in; groups are in order of appearance."""
    groups: list[JobGroup] = []
    for path, job in stats.items():
        environment = {key: value for key, value in job.items() if key in _ENVIRONMENT_KEYS}
        group = next((known for known in groups if known["ran"] == environment), None)
        if group is None:
            group = {"ran": environment, "jobs": []}
            groups.append(group)
        # List folders, not files, because the number of shards that a split is divided into decides no result.
        folder = path.rpartition("/")[0]
        if folder not in group["jobs"]:
            group["jobs"].append(folder)
    return groups
