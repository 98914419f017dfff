"""Copy a model to a disk of this node before it is loaded; the jobs of a user on the node share the copy.

Many jobs that read one model from a parallel file system at once slow each other down. A copy lies in
`<folder>/hearth-<user id>/<model>-<digest>`. Jobs that use it hold a shared lock on the file of that name with `.lock`
behind it, a job that deletes it an exclusive one. The job that makes it also holds an exclusive lock on the file with
`.copying` behind it: the others wait for the copy, and never for a job that uses it. The system releases the locks of a
job that was killed.
"""

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import platform
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hearth.models.snapshot import ModelError, Snapshot, read_snapshot

log = logging.getLogger(__name__)

# Ends of the names of a copy's two lock files.
_IN_USE, _COPYING = ".lock", ".copying"
# A copy that no job has started with for so long is deleted by the next job that copies a model.
_STALE_S = 24 * 3600
# Bytes to leave free for the temporary files of all jobs on the node.
_RESERVE = 2**30
_BUFFER = 2**24
# Files that are copied at a time: a core computes digests more slowly than a disk writes.
_THREADS = 4


@contextlib.contextmanager
def staged(model: Path, where: str) -> Iterator[Path]:
    """Yield the folder from which to load the model in the folder `model`: its copy in the folder `where` of this node.

    `where` may hold environment variables, such as $TMPDIR. Yields `model` itself if `where` is empty, if the model is
    served, or, with a warning, if the disk has no room for it or no locks. The copy stays when the job ends. Raises
    ModelError if `where` is no folder for it on this node, or if the model's files are not those that were fetched.
    """
    snapshot = read_snapshot(model)
    if not where or "served" in snapshot:
        yield model
        return
    copy = user_folder(where) / f"{snapshot['model']}-{snapshot['digest'][:16]}"
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(_lock(copy, _IN_USE, fcntl.LOCK_SH))
            locked = True
        except OSError as error:  # without locks, another job could delete the copy while this one loads it
            log.warning("%s cannot be locked (%s); loading the model from %s", copy.parent, error, model)
            locked = False
        if locked and _provide(copy, model, snapshot):
            os.utime(copy)  # when it was last used
            log.info("loading the model from %s", copy)
            yield copy
            return
    yield model


def _provide(copy: Path, model: Path, snapshot: Snapshot) -> bool:
    """Return whether there is a complete copy, made if necessary. The caller holds the shared lock of its users."""
    with _lock(copy, _COPYING, fcntl.LOCK_EX):
        return _is_copy(copy, model, snapshot) or _copy(model, snapshot, copy)


def user_folder(where: str) -> Path:
    """Return this user's folder in the folder `where` of this node, made if necessary.

    Raises ModelError if `where` names no folder of this node, or if somebody else has made the user's folder.
    """
    node = platform.node()
    folder = Path(os.path.expandvars(where))
    if "$" in str(folder):
        raise ModelError(f"engine.stage_weights is {where}, and a variable in it is not set on {node}")
    if not folder.is_absolute():
        raise ModelError(f"engine.stage_weights is {where}: write its full path")
    if not folder.is_dir():
        raise ModelError(f"engine.stage_weights is {where}; on {node} there is no folder {folder}: create it there")
    own = folder / f"hearth-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    # In a folder like /tmp, somebody else could have made it in order to exchange the weights.
    if own.is_symlink() or own.stat().st_uid != os.getuid():
        raise ModelError(f"engine.stage_weights: {own} on {node} belongs to another user; use another folder")
    return own


@contextlib.contextmanager
def _lock(copy: Path, end: str, operation: int) -> Iterator[None]:
    """Hold a lock on the file that is named like `copy` with `end` behind it.

    Raises BlockingIOError if `operation` says not to wait, another OSError if the disk has no locks.
    """
    handle = os.open(copy.with_name(f"{copy.name}{end}"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, operation)
        yield
    finally:
        os.close(handle)  # this releases the lock too


def _is_copy(copy: Path, model: Path, snapshot: Snapshot) -> bool:
    """Whether `copy` has every file at its full size. Systems that clean /tmp delete single files."""
    try:
        return all((copy / name).stat().st_size == (model / name).stat().st_size for name in snapshot["files"])
    except FileNotFoundError:
        return False


def _copy(model: Path, snapshot: Snapshot, copy: Path) -> bool:
    """Copy the model, whole or not at all. Return whether the disk had room. The caller holds the lock for copying."""
    size = sum((model / name).stat().st_size for name in snapshot["files"])
    part = _part(copy)
    for rest in (part, copy):  # of a job that was killed, or a copy that has lost files
        shutil.rmtree(rest, ignore_errors=True)
    free = _make_room(copy, size + _RESERVE)
    if free < size + _RESERVE:
        log.warning(
            "%s: the model takes %.1f GB, %.1f GB are free; loading it from %s", copy, size / 1e9, free / 1e9, model
        )
        return False
    log.info("copying %.1f GB from %s to %s", size / 1e9, model, copy)
    part.mkdir()
    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            digests = pool.map(lambda name: _copy_file(model / name, part / name), snapshot["files"])
            for name, digest in zip(snapshot["files"], digests, strict=True):
                if digest != snapshot["files"][name]:
                    raise ModelError(
                        f"{model / name} is not the file that was fetched, or was damaged while it was copied"
                    )
        part.rename(copy)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        log.warning("%s: %s; loading the model from %s", copy, error.strerror, model)
        return False
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return True


def _part(copy: Path) -> Path:
    """Return the folder that a copy is written in before it is complete."""
    return copy.with_name(f".{copy.name}.part")


def _copy_file(source: Path, target: Path) -> str:
    """Copy a file to disk and return the SHA-256 (hex) of what was read."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_BUFFER))
    with open(source, "rb", buffering=0) as read, open(target, "wb", buffering=0) as written:
        while count := read.readinto(buffer):
            digest.update(buffer[:count])
            rest = buffer[:count]
            while rest:
                rest = rest[written.write(rest) :]
        os.fsync(written.fileno())
    return digest.hexdigest()


def _make_room(copy: Path, needed: int) -> int:
    """Delete copies beside `copy` that no job uses: old ones, and while `needed` bytes are not free, the least recent.

    Returns the number of bytes that are free then.
    """
    folder = copy.parent
    others = {path.with_suffix("") for path in folder.glob(f"*{_IN_USE}")} - {copy}
    for other in sorted(others, key=_last_used):
        if time.time() - _last_used(other) < _STALE_S and shutil.disk_usage(folder).free >= needed:
            continue
        with contextlib.suppress(BlockingIOError), _lock(other, _IN_USE, fcntl.LOCK_EX | fcntl.LOCK_NB):
            log.info("deleting %s, which no job uses", other)
            for rest in (other, _part(other)):
                shutil.rmtree(rest, ignore_errors=True)
    return shutil.disk_usage(folder).free


def _last_used(copy: Path) -> float:
    """Return when a job last began to use a copy, in seconds since the epoch; 0 if there is no such copy."""
    return copy.stat().st_mtime if copy.is_dir() else 0.0
