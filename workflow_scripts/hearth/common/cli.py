"""What every program of a rule does: say which cluster job it is; with bad input, one clear line and exit code 1."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

JsonValue = TypeVar("JsonValue", dict[str, Any], list[Any])


class UserError(ValueError):
    """Something the user can mend; the message says which file, line or key, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Call `main`; end with exit code 1 and one line on stderr when the input was at fault."""
    if job := cluster_job(os.environ):
        print(job, file=sys.stderr)
    try:
        main()
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def cluster_job(environment: Mapping[str, str]) -> str:
    """Which SLURM job this is, where, and how often it was started anew; '' elsewhere, and on ranks but the first."""
    if "SLURM_JOB_ID" not in environment or environment.get("RANK", "0") != "0":
        return ""
    node, restarts = environment.get("SLURMD_NODENAME", "?"), environment.get("HEARTH_RESTARTS", "0")
    return f"SLURM job {environment['SLURM_JOB_ID']} on {node}, restart {restarts}"


def json_option(option: str, text: str, kind: type[JsonValue]) -> JsonValue:
    """Return the JSON value, a dict or a list, of a command-line option; a UserError names the option."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{option}: not JSON at character {error.pos}: {error.msg}") from None
    if not isinstance(value, kind):
        wanted = "object" if kind is dict else "list"
        raise UserError(f"{option}: expected a JSON {wanted}, found {type(value).__name__}")
    return value
