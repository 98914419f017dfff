"""Run the main function of a program: log the cluster job, and report bad input in one line with exit code 1."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Json = TypeVar("Json", dict[str, Any], list[Any])


class UserError(ValueError):
    """An error that the user can correct; the message says which file, line or key, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Call `main`; on bad input (OSError, ValueError) print one line on stderr and exit with code 1.

    The SLURM job, if there is one, is printed on stderr first.
    """
    if job := cluster_job(os.environ):
        print(job, file=sys.stderr)
    try:
        main()
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def cluster_job(environment: Mapping[str, str]) -> str:
    """Return a line with the SLURM job, its node and its number of restarts.

    The line is '' outside SLURM, and in all processes of a job but the one of rank 0.
    """
    if "SLURM_JOB_ID" not in environment or environment.get("RANK", "0") != "0":
        return ""
    node, restarts = environment.get("SLURMD_NODENAME", "?"), environment.get("HEARTH_RESTARTS", "0")
    return f"SLURM job {environment['SLURM_JOB_ID']} on {node}, restart {restarts}"


def json_option(option: str, text: str, kind: type[Json]) -> Json:
    """Parse `text`, the JSON value of the command-line option `option`; `kind` is dict or list.

    Raises UserError, which names the option, for any other value.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{option}: not JSON at character {error.pos}: {error.msg}") from None
    if not isinstance(value, kind):
        wanted = "object" if kind is dict else "list"
        raise UserError(f"{option}: expected a JSON {wanted}, found {type(value).__name__}")
    return value
