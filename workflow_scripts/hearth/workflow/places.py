"""Check the paths of a run for characters with which Snakemake, SLURM or conda cannot work.

Hearth quotes the paths in its own commands, so that blanks, quotes and letters of any language are possible. Snakemake
and its plugins, in theirs, do not quote every character.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

# Characters that a shell reads in a text between double quotes. sbatch is given a job's command between these.
READ_BY_SHELL = '$`"\\'
# A dict from the role of a path, in messages, to the path.
Paths = Mapping[str, str | Path]


def place_problems(paths: Paths, of_rules: Paths, on_path: Paths, to_slurm: Paths, to_conda: Paths) -> list[str]:
    """Return the problems of a run's paths, one line each.

    `paths` are all of them. `of_rules` hold files that rules name, `on_path` are folders in the variable PATH,
    `to_slurm` those in the commands of SLURM jobs, `to_conda` those of environments.
    """
    unprintable = [
        f"{role} {str(path)!r} holds a line break or another unprintable character"
        for role, path in paths.items()
        if not str(path).isprintable()
    ]
    return [
        *unprintable,
        *(problem for role, path in of_rules.items() for problem in rule_file_problems(role, [path])),
        *_refuse(on_path, ":", "separates the folders of PATH, so that no program in it would be found"),
        *_refuse(to_slurm, READ_BY_SHELL, "the shell that submits SLURM jobs would change"),
        *_refuse(
            to_conda, f"'{READ_BY_SHELL}", "Snakemake does not quote for conda; --conda-prefix names another folder"
        ),
    ]


def rule_file_problems(role: str, files: Iterable[str | Path]) -> Iterable[str]:
    """Yield a problem for each file or folder of a role that no rule of Snakemake can name."""
    for file in files:
        yield from _refuse({role: file}, "{}", "Snakemake takes for one of its variables")


def _refuse(paths: Paths, characters: str, reason: str) -> Iterable[str]:
    """Yield a line for each path that holds one of the characters."""
    for role, path in paths.items():
        if found := re.findall(f"[{re.escape(characters)}]", str(path)):
            yield f"{role} {path} holds {' '.join(dict.fromkeys(found))}, which {reason}; rename it"
