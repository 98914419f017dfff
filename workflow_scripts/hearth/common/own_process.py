"""Call a function in a process of its own, whose memory nothing else has used."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

from hearth.common.cli import UserError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def call_alone(
    threads: int, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Call a function of a module in a new process in which libraries use `threads` threads, and return its result.

    The process begins without anything that this one has loaded. Raises what the function raises, and UserError if the
    process was killed.
    """
    with ProcessPoolExecutor(1, get_context("spawn"), _set_threads, (threads,)) as pool:
        try:
            return pool.submit(function, *args, **kwargs).result()
        except BrokenProcessPool:
            raise UserError("the measuring process was killed; it may have needed more memory than there is") from None


def _set_threads(threads: int) -> None:
    """Set the number of threads for libraries that are imported after this."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
