"""Check what profiles and the command line give to SLURM: names that YAML or Python would read as something else.

YAML reads an account 0012345 as the number 5349, and NO as false: work would be charged to somebody else. Snakemake
evaluates resources as Python, to which 2023-101 is 1922.
"""

import argparse
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

# Resources, and settings of Snakemake, that are text to SLURM: one name or a list separated by commas.
NAMES = {
    *("slurm_account", "slurm_partition", "gpu_partition", "qos", "cluster", "clusters", "slurm_cluster", "gpu_model"),
    *("slurm-qos", "slurm-reservation", "slurm-jobname-prefix", "executor"),
}
# Other settings and resources that are text, which may hold blanks.
TEXTS = NAMES | {
    *("constraint", "gres", "slurm_extra", "directory", "slurm-logdir", "slurm-status-command", "precommand"),
    *("conda-prefix", "apptainer-prefix", "apptainer-args", "snakefile"),
}
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
# A key, the path of its value for messages, and the value.
Entry = tuple[str, str, yaml.Node]


def given_profiles(
    arguments: Sequence[str], environment: Mapping[str, str], started_in: Path, project: Path
) -> list[Path]:
    """Return the files of the profiles that Snakemake reads, given its command line and the folder of its start."""
    from snakemake.cli import get_profile_dir  # Snakemake's own search: names of files, users' and sites' folders

    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--profile", action="append")
    parser.add_argument("--workflow-profile", default="default")
    given, _ = parser.parse_known_args(list(arguments))
    files = []
    for name in given.profile or [environment.get("SNAKEMAKE_PROFILE", "none")]:
        place = started_in / name
        files.append(name != "none" and get_profile_dir(str(place) if place.exists() else name))
    own = given.workflow_profile
    for place in (started_in / own, started_in / "profiles" / own, project / "profiles" / own):
        if own != "none" and place.exists():
            files.append(get_profile_dir(str(place)))
            break
    return [found[1] for found in files if found]


def profile_problems(file: Path) -> list[str]:
    """Return the problems of a profile's values, one line each; none for a file that is not a YAML mapping."""
    root = yaml.compose(file.read_text(encoding="utf-8"), yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return []
    entries = list(_entries(root, ""))
    texts = [entry for entry in entries if entry[0] in TEXTS and not entry[1].startswith("__")]
    variables = _variables(node for _, _, node in texts)
    name_variables = _variables(node for key, _, node in texts if key in NAMES)
    problems = [_problem(path, node, is_name=key in NAMES) for key, path, node in texts]
    for key, path, node in entries:
        if path.startswith("__variables__.") and key in variables:
            problems.append(_problem(path, node, is_name=key in name_variables))
    return [f"{file}:{line}: {problem}" for line, problem in sorted(filter(None, problems))]


def _entries(mapping: yaml.MappingNode, prefix: str) -> Iterator[Entry]:
    """Yield the entries of a mapping, those of nested mappings included."""
    for key, value in mapping.value:
        path = f"{prefix}{key.value}"
        yield key.value, path, value
        if isinstance(value, yaml.MappingNode):
            yield from _entries(value, f"{path}.")


def _variables(nodes: Iterable[yaml.Node]) -> set[str]:
    """Return the names in the expressions of values: those that begin with `?` are Python, which YTE evaluates."""
    values = [str(node.value) for node in nodes if isinstance(node, yaml.ScalarNode)]
    return {name for value in values if value.startswith("?") for name in _IDENTIFIER.findall(value)}


def _problem(path: str, node: yaml.Node, is_name: bool) -> tuple[int, str] | None:
    """Return the line and the description of a value that should be text and is not; None if there is no problem."""
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.ScalarNode):
        return line, f"{path}: this must be one text, not a list or a mapping"
    written, key = str(node.value), path.rpartition(".")[2]
    value = yaml.SafeLoader("").construct_object(node)
    if value is None and not written:  # nothing is set
        return None
    if not isinstance(value, str):
        return line, f"{path}: YAML reads {written} as {_describe(value)}; put it in quotes: {key}: '{written}'"
    if is_name and not value.startswith("?") and re.search(r"\s", value):
        return line, f"{path}: {value!r} holds a blank; SLURM would be given only its first word"
    return None


def _describe(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value is None else f"the {'number' if isinstance(value, int | float) else 'date'} {value}"


def resource_problems(resources: Mapping[str, Any], place: str) -> list[str]:
    """Return the problems of resources of Snakemake (`Resources`), one line each, whose text Python would change.

    `place` says where they were set, such as `default-resources`.
    """
    problems = []
    for name in resources.keys() & TEXTS:
        written = resources[name].raw
        if written is None:
            continue
        value = _evaluate(written)
        if isinstance(value, str) and name in NAMES and re.search(r"\s", value):
            problems.append(f"{place}: {name}: {value!r} holds a blank; SLURM would be given only its first word")
        elif not isinstance(value, str):
            problems.append(
                f"{place}: {name}: Snakemake evaluates resources as Python, and reads this one as {value!r}; put it in "
                f"two kinds of quotes: {name}=\"'...'\""
            )
    return sorted(problems)


def _evaluate(written: object) -> object:
    """Return what Snakemake makes of the text of a resource: it evaluates it, and keeps a text that is no Python."""
    if not isinstance(written, str):
        return written
    text = os.path.expanduser(os.path.expandvars(written))
    try:
        return eval(text, {})  # noqa: S307  # the user's own text, which Snakemake evaluates too
    except Exception:
        return text
