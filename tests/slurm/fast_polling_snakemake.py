"""Run Snakemake with a SLURM status check every three seconds; the plugin alone would wait longer after each check."""

import asyncio
import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def _sleep(_executor) -> None:
    await asyncio.sleep(3)


RemoteExecutor.sleep = _sleep

if __name__ == "__main__":
    sys.exit(main())
