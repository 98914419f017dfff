"""Label the events of a home's MQTT broker with an exported student, for as long as the home lives.

    home_service.py --config service.yaml
    home_service.py --config service.yaml --dry-run
`config/schemas/service.schema.yaml` describes the settings, docs/home-hub.md the service. SIGTERM ends it; what was
not answered by then is answered after the next start. The exit code is 3 if it should not be started again: another
service has taken over the session with the broker, or Home Assistant refuses the token (and bans addresses that go on
trying).
"""

import argparse
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from hearth.common.cli import UserError, run
from hearth.service.journal import FILE
from hearth.service.service import FinalError, Service
from hearth.service.settings import read_settings
from hearth.service.student import open_student

NO_RESTART = 3


def main(argv: Sequence[str] | None = None) -> None:
    """Run the service until it is told to end."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", required=True, type=Path, help="yaml of the service's settings")
    parser.add_argument("--dry-run", action="store_true", help="print what would be published, and publish nothing")
    parser.add_argument(
        "--remove", action="store_true", help="remove the device from Home Assistant and the broker, and end"
    )
    parser.add_argument("--verbose", action="store_true", help="log also what is no problem")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.WARNING, format="%(message)s")
    settings = read_settings(arguments.config)
    asked = settings["student"]
    if asked["threads"]:
        os.environ["OMP_NUM_THREADS"] = str(asked["threads"])
    student = open_student(
        Path(asked["folder"]),
        form=asked["form"],
        dataset=asked["dataset"],
        direct=asked["direct"],
        home=Path(asked["home"]) if asked["home"] else None,
        confidence=asked["confidence"],
    )
    try:
        service = Service(settings, student, arguments.dry_run)
        if arguments.remove:
            service.remove()
            return
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: service.stop())
        service.run()
    except FinalError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(NO_RESTART)
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"{Path(settings['state']) / FILE}: {error}; if the disk has space and the file is damaged, move it away "
            "to start anew: the event log is kept"
        ) from None


if __name__ == "__main__":
    run(main)
    # llama.cpp may still be answering a window, in a thread that Python would wait for.
    sys.stdout.flush()
    os._exit(0)
