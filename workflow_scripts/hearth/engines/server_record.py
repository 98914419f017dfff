"""The files by which a run, the vLLM servers that it starts, and the jobs that use these servers find each other.

`work/servers/run.json` is the run's heartbeat, which Snakemake's main process writes. `work/servers/<server>/` belongs
to one server, which is named like the weights that it runs: `server.json` says where it answers, and with which key.
All of them may be on different machines, so they share only files.
"""

import time
from pathlib import Path
from typing import TypedDict

from hearth.common import files
from hearth.common.records import read_record

SERVERS = Path("work") / "servers"
HEARTBEAT = "run.json"
RECORD = "server.json"


class ServerRecord(TypedDict):
    """The URL and API key of a server, the number format of its weights, and the versions of its libraries.

    The file exists only while the server answers. Only its owner can read it: everybody on the node can reach the
    server's port, and the key keeps other users from using it.
    """

    url: str
    key: str
    dtype: str
    versions: dict[str, str]


class Heartbeat(TypedDict):
    """A name for one run of Snakemake, a counter that grows while it runs, the servers it needs, and those given up."""

    run: str
    beat: int
    needed: list[str]
    failed: list[str]


def write_server(folder: Path, record: ServerRecord) -> None:
    """Say that the server of `folder` answers."""
    files.write_json(folder / RECORD, record, mode=0o600)


def read_server(folder: Path) -> ServerRecord | None:
    """Return the record of the server of `folder`; None while it does not answer."""
    try:
        return read_record(folder / RECORD, ServerRecord)
    except FileNotFoundError:
        return None


def read_heartbeat(servers: Path) -> Heartbeat | None:
    """Return the heartbeat in the folder of all servers; None if there is none."""
    try:
        return read_record(servers / HEARTBEAT, Heartbeat)
    except FileNotFoundError:
        return None


class Watch:
    """Measure the time since a file's last change by the clock of this process: machines' clocks differ."""

    def __init__(self, path: Path):
        self._path = path
        self._seen = self._modified()
        self._since = time.monotonic()

    def age(self) -> float:
        """Return the seconds since the file was last seen to change, or since the first look at it."""
        modified = self._modified()
        if modified != self._seen:
            self._seen, self._since = modified, time.monotonic()
        return time.monotonic() - self._since

    def _modified(self) -> int | None:
        try:
            return self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
