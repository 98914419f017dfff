"""Keep what vLLM compiles in one folder: the first process fills it while others wait, and all later ones read it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from hearth.common.locks import lock_file

# From the variable of each cache to its folder. Without them the caches lie in the home directory, which has a quota on
# most clusters and would be shared by all runs.
_CACHES = {
    "VLLM_CACHE_ROOT": "vllm",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "FLASHINFER_WORKSPACE_BASE": "flashinfer",
}


def cache_variables(folder: Path) -> dict[str, str]:
    """Return the environment variables with which vLLM keeps its caches in `folder`."""
    return {variable: str(folder.resolve() / name) for variable, name in _CACHES.items()}


@contextlib.contextmanager
def compile_cache(folder: Path) -> Iterator[None]:
    """Let the code in the `with` block, which loads an engine, keep its caches in `folder`.

    Until one process has left the block without an error, only one at a time is in it. A process that dies makes way
    for the next. On a file system without locks, several may fill the folder at once, which costs time only.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(cache_variables(folder))
    filled = folder / "filled"
    handle = None if filled.exists() else os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if handle is not None:
            lock_file(handle, folder / "lock")
            if filled.exists():  # by the process that this one waited for
                _release(handle)
                handle = None
        yield
        filled.touch()
    finally:
        if handle is not None:
            _release(handle)


def _release(handle: int) -> None:
    """Unlock and close a file. Closing alone would leave the lock to processes that have been forked meanwhile."""
    with contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)
