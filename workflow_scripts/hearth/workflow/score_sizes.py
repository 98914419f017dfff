"""Estimate the disk space of log-probabilities before a run."""

from collections.abc import Mapping

from hearth.common.log_probabilities import bytes_per_token
from hearth.workflow.planned_work import Load, PlannedWork


def scored_sizes(work: PlannedWork, loads: Mapping[tuple[str, str, str], Load]) -> list[str]:
    """Return a line for each recogniser whose traces are scored: tokens, and gigabytes of their log-probabilities."""
    top_tokens = work["teacher_top_tokens"]
    of_recogniser: dict[str, list[Load]] = {}
    for name, dataset, split in work["scored"]:
        of_recogniser.setdefault(name, []).append(loads[name, dataset, split])
    lines = []
    for name, own in of_recogniser.items():
        tokens = sum(load.windows * load.mean.written for load in own)
        limit = "at most " if any(load.seconds is None for load in own) else ""
        lines.append(
            f"Log-probabilities of the traces of {name}: {limit}{tokens * bytes_per_token(top_tokens) / 1e9:.2g} GB "
            f"on disk, {limit}{tokens / 1e6:.2f} M tokens with {bytes_per_token(top_tokens)} bytes each "
            f"(teacher_top_tokens: {top_tokens})"
        )
    return lines
