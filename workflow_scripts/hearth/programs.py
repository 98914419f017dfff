"""What every program of a rule does with bad input: one clear line, exit code 1, no traceback."""

import json
import sys
from collections.abc import Callable


class UserError(ValueError):
    """Something the user can mend; the message says which file, line or key, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Call `main`; end with exit code 1 and one line on stderr when the input was at fault."""
    try:
        main()
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def json_option(option: str, text: str, kind: type) -> dict | list:
    """The JSON value, a dict or a list, in a command-line option; a UserError names the option."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{option}: not JSON at character {error.pos}: {error.msg}") from None
    if not isinstance(value, kind):
        wanted = "object" if kind is dict else "list"
        raise UserError(f"{option}: expected a JSON {wanted}, found {type(value).__name__}")
    return value
