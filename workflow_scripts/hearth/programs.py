"""What every program of a rule does with bad input: one clear line, exit code 1, no traceback."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the user can mend; the message says which file, line or key, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Call `main`; end with exit code 1 and one line on stderr when the input was at fault."""
    try:
        main()
    except (UserError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
