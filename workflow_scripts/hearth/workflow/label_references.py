"""Check that whatever a config scores in common labels has them: tables with `labels: common`, transfer baselines."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from hearth.common.schemas import Problem
from hearth.homes.home import HomeError
from hearth.workflow.config_types import Config
from hearth.workflow.dataset_homes import load_dataset_home
from hearth.workflow.recognisers import learned_datasets, recognisers
from hearth.workflow.selection import table_pairs


def label_problems(config: Config, project: Path) -> Iterator[Problem]:
    """Yield a problem for each table whose metrics need labels that a home or a recogniser does not have.

    Recognisers and datasets of the tables must exist.
    """
    known = recognisers(config)

    @cache  # loaded only if a table needs it, and once
    def is_unmapped(name: str) -> bool:
        try:
            return not load_dataset_home(config["datasets"][name], project).common_labels
        except HomeError:  # reported at the dataset
            return False

    for table, spec in config["tables"].items():
        pairs = [(known[name], dataset) for name, dataset in table_pairs(config, table)]
        path = ["tables", table, "labels"]
        if spec["labels"] == "common":
            yield from _refused_parts(config, table)
        elif transfer := [one.name for one, _ in pairs if one.learns_from]:
            yield path, f"{transfer[0]!r} answers in labels that homes share only: set labels: common, or leave it out"
        needed = [dataset for _, dataset in pairs] if spec["labels"] == "common" else []
        learned = {
            (one.name, dataset): learned_datasets(config, one, dataset) for one, dataset in pairs if one.learns_from
        }
        needed += [name for datasets in learned.values() for name in datasets]
        for dataset in filter(is_unmapped, dict.fromkeys(needed)):
            home = config["datasets"][dataset]["home"]
            yield path, f"the home {home!r} of {dataset!r} maps no labels to common ones: add common_labels to its yaml"
        for (name, dataset), datasets in learned.items():
            if not datasets:
                yield path, f"{name!r} on {dataset!r} has no other dataset with all: true to learn from"


def _refused_parts(config: Config, table: str) -> Iterator[Problem]:
    """Yield a problem for what a table in common labels cannot show."""
    spec = config["tables"][table]
    if spec["rows"] in ("parts", "gains"):
        yield ["tables", table, "labels"], f"a table of {spec['rows']} has the labels of each home only; remove it"
    for index, column in enumerate(spec["columns"]):
        if "_without_" in column:
            message = "the sets of metrics.without are labels of homes, and this table has common labels; remove it"
            yield ["tables", table, "columns", index], message
