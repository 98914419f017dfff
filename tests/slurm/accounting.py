"""SLURM's accounting for the test cluster: a MariaDB and a slurmdbd of its own. `sacct` asks it, and forgets no job."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("slurmdbd", "mariadbd", "mariadb-install-db", "sacct", "sacctmgr")
ACCOUNT = "hearth"  # whom root's jobs are charged to

SLURM_CONF = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=16819
# So is munge's socket called here.
AccountingStoragePass={run}/munge.socket
# A job whose account is none of its user's is refused.
AccountingStorageEnforce=associations
"""
SLURMDBD_CONF = """\
AuthType=auth/munge
AuthInfo=socket={run}/munge.socket
DbdHost=localhost
DbdPort=16819
SlurmUser=root
PidFile={run}/slurmdbd.pid
LogFile={run}/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm
"""


def unavailable(path: str) -> str:
    """Why this host's cluster cannot have accounting, in words; '' where it can."""
    absent = [program for program in PROGRAMS if not shutil.which(program, path=path)]
    return f"{', '.join(absent)} not found: apt-get install slurmdbd mariadb-server" if absent else ""


def write_settings(run: Path) -> None:
    """slurmdbd.conf; it must be for its user's eyes only."""
    (run / "slurmdbd.conf").touch(mode=0o600)
    (run / "slurmdbd.conf").write_text(SLURMDBD_CONF.format(run=run))


def start(run: Path, launch: Callable[..., None], wait_until: Callable, path: str) -> None:
    """Start both daemons, before slurmctld: it registers the cluster with slurmdbd."""
    data, socket = run / "database", run / "database.socket"
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=root", "--skip-test-db"],
        env={"PATH": path},
        check=True,
        capture_output=True,
    )
    launch(
        "mariadbd",
        "--no-defaults",
        "--user=root",
        f"--datadir={data}",
        f"--socket={socket}",
        f"--pid-file={run}/mariadbd.pid",
        "--skip-networking",
    )
    wait_until(socket.exists, "the database answers")
    launch("slurmdbd", "-D", MYSQL_UNIX_PORT=str(socket))
