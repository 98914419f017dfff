"""Find the datasets that a student learns from: one dataset, a named group of several, or all others than one."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hearth.workflow.config_types import Config

# Items of `trained_on` that are no names of datasets or groups.
ALL_DATASETS, OTHER_DATASETS = "all", "others"
ALL_BUT = "all-but-"


class DatasetSet(NamedTuple):
    """Datasets that one student learns from, in the order of the config; `name` is that of a dataset if it is alone."""

    name: str
    datasets: tuple[str, ...]


def default_datasets(config: Config) -> list[str]:
    """Return the names of the datasets that are used where a config names none: those with `all: true`."""
    return [name for name, dataset in config["datasets"].items() if dataset["all"]]


def dataset_sets(config: Config, items: Iterable[str]) -> Iterator[DatasetSet]:
    """Yield a set for each item of a `trained_on`; for `others` one for each dataset with `all: true`.

    Without items, each dataset with `all: true` is a set of its own. Names that do not exist are left out, so that a
    config can be checked.
    """
    used = default_datasets(config)
    for item in items or used:
        if item == OTHER_DATASETS:
            for left_out in used:
                yield DatasetSet(f"{ALL_BUT}{left_out}", tuple(name for name in used if name != left_out))
        elif datasets := named_datasets(config, [item]):
            yield DatasetSet(item, datasets)


def named_datasets(config: Config, items: Iterable[str]) -> tuple[str, ...]:
    """Return the datasets that names of datasets and groups, or `all`, stand for, each once, in the config's order."""
    named: set[str] = set()
    for item in items:
        if item == ALL_DATASETS:
            named.update(default_datasets(config))
        else:
            named.update(config["dataset_groups"].get(item, [item]))
    return tuple(name for name in config["datasets"] if name in named)
