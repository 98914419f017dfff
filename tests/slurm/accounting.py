"""Start SLURM's accounting for the test cluster: a MariaDB and a slurmdbd, from which `sacct` reads ended jobs."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("slurmdbd", "mariadbd", "mariadb-install-db", "sacct", "sacctmgr")
ACCOUNT = "hearth"  # the account of root's jobs

SLURM_CONF = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=16819
# With auth/munge, this setting is the path of munge's socket.
AccountingStoragePass={run}/munge.socket
# Reject a job whose account does not belong to its user.
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


def unavailable_reason(path: str) -> str:
    """Return a phrase that says why the test cluster on this host cannot have accounting; '' if it can."""
    missing = [program for program in PROGRAMS if not shutil.which(program, path=path)]
    return f"{', '.join(missing)} not found: apt-get install slurmdbd mariadb-server" if missing else ""


def write_settings(run: Path) -> None:
    """Write slurmdbd.conf, readable by its owner only: slurmdbd requires that."""
    (run / "slurmdbd.conf").touch(mode=0o600)
    (run / "slurmdbd.conf").write_text(SLURMDBD_CONF.format(run=run))


def start(run: Path, launch: Callable[..., None], wait_until: Callable[..., object], path: str) -> None:
    """Start MariaDB and slurmdbd. Call this before slurmctld starts: slurmctld registers the cluster with slurmdbd."""
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
    wait_until(socket.exists, "the database has a socket")
    launch("slurmdbd", "-D", MYSQL_UNIX_PORT=str(socket))
