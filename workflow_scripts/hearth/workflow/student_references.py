"""Check what a config says about its students: the sets of datasets that they learn from, and replayed traces."""

import os
from collections.abc import Collection, Iterable, Iterator

from hearth.common.schemas import Problem, nearest
from hearth.distillation.balance import own_limit
from hearth.simulation.formats import DRAWN
from hearth.workflow.config_types import Config
from hearth.workflow.dataset_homes import is_drawn
from hearth.workflow.dataset_sets import ALL_BUT, ALL_DATASETS, OTHER_DATASETS, default_datasets
from hearth.workflow.project_files import home_path
from hearth.workflow.recognisers import Recogniser, learned_datasets, recognisers
from hearth.workflow.selection import table_pairs
from hearth.workflow.students import Student, student_groups

Place = list[object]


def set_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for each name of a dataset or a group that is taken, and for each set of unknown datasets."""
    datasets, groups = config["datasets"], config["dataset_groups"]
    for kind, names in (("datasets", datasets), ("dataset_groups", groups)):
        for name in names:
            if name in (ALL_DATASETS, OTHER_DATASETS) or name.startswith(ALL_BUT):
                yield [kind, name], f"the name {name!r} stands for a set of datasets in `trained_on`; choose another"
    for name, members in groups.items():
        if name in datasets:
            yield ["dataset_groups", name], f"a dataset has the name {name!r} too; choose another name"
        yield from _unknown(members, ["dataset_groups", name], datasets)
    main = config["students"]
    places: list[tuple[Place, list[str]]] = [(["students", "trained_on"], main["trained_on"])]
    replayed: list[tuple[Place, list[str]]] = [(["students", "replay_on"], main["replay_on"])]
    for name, group in main["groups"].items():
        places.append((["students", "groups", name, "trained_on"], group["trained_on"]))
        replayed.append((["students", "groups", name, "replay_on"], group["replay_on"]))
    used = default_datasets(config)
    for path, items in places:
        yield from _unknown(items, path, [*datasets, *groups, ALL_DATASETS, OTHER_DATASETS])
        if OTHER_DATASETS in items and len(used) < 2:
            yield [*path, items.index(OTHER_DATASETS)], f"there are no other datasets: {len(used)} has `all: true`"
        if ALL_DATASETS in items and not used:
            yield [*path, items.index(ALL_DATASETS)], "no dataset has `all: true`"
    for path, items in replayed:
        yield from _unknown(items, path, [*datasets, *groups])


def _unknown(names: list[str], path: Place, known: Collection[str]) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if name not in known:
            yield [*path, index], f"unknown dataset or group {name!r}{nearest(name, known)}"


def division_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for each group with a student of more datasets than it has examples of its teacher."""
    for name, members in student_groups(config).items():
        path: Place = ["students"] if name == "students" else ["students", "groups", name]
        for student in members:
            limit = student.max_examples
            if not isinstance(limit, int):
                continue
            if (own_limit(limit, student.replay) or 0) >= len(student.datasets):
                continue
            yield (
                path,
                f"max_examples: {limit}{', less the replayed ones,' if student.replay else ''} leaves no example of "
                f"some of the {len(student.datasets)} datasets of {student.name}; take more",
            )
            break


def replay_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for students with replayed traces of no dataset, and for those that differ only in `replay_on`.

    A student has `replay_on` from its group, but not in its name.
    """
    by_name: dict[str, Student] = {}
    for name, members in student_groups(config).items():
        path: Place = ["students"] if name == "students" else ["students", "groups", name]
        if any(student.replay and not student.replay_on for student in members):
            yield [*path, "replay_on"], "`replay` needs the datasets whose traces are replayed; name them here"
        for student in members:
            if by_name.setdefault(student.name, student) != student:
                yield (
                    path,
                    f"{student.name} is declared twice with different settings (replay_on); give all groups with this "
                    "share of `replay` the same `replay_on`, or another share",
                )
                break


def seen_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for each table that tests a recogniser on windows that it has seen, or as unseen on such a home.

    A student has also seen the datasets whose traces are replayed to it.
    """
    known = recognisers(config)
    for table in config["tables"]:
        shown = [(known[name], dataset) for name, dataset in table_pairs(config, table)]
        yield from _same_recordings_problems(config, table, shown)
        seen = [
            (one.name, dataset)
            for one, dataset in shown
            if one.student and dataset in one.student.replay_on and dataset not in one.student.datasets
        ]
        for student, dataset in dict(reversed(seen)).items():
            yield (
                ["tables", table, "select"],
                f"{student} has seen {dataset}, on which it is tested: traces of {dataset} are replayed to it. Take "
                "another dataset in `replay_on` (one with `all: false` is in no table that does not name it), or let "
                "the table name the datasets",
            )
            break


def _same_recordings_problems(config: Config, table: str, shown: Iterable[tuple[Recogniser, str]]) -> Iterator[Problem]:
    """Yield a problem for the first recogniser that has learned from a tested home's days under another name.

    Equal splits keep the tested sessions of such a dataset apart, so a student of that dataset alone, or one that also
    learns from the tested dataset, does not see them. Tables of forgetting and of homes left out would call the
    former's home unseen, and so does its own name if it is one of all other datasets.
    """
    of_unseen = config["tables"][table]["rows"] in ("forgetting", "homes")
    for one, dataset in shown:
        learned = learned_datasets(config, one, dataset)
        for other in dict.fromkeys([*learned, *(one.student.replay_on if one.student else ())]):
            if other == dataset or not _recordings(config, other) == _recordings(config, dataset) is not None:
                continue
            is_apart = _split(config, other) == _split(config, dataset)
            is_named = one.student and learned == [other] and not one.student.trained_on.startswith(ALL_BUT)
            if is_apart and (dataset in learned or (is_named and not of_unseen)):
                continue
            same = "the same ones (same home, and same root or seed)" + ("" if is_apart else " in another split")
            yield (
                ["tables", table, "select"],
                f"{one.name} has seen the recordings of {dataset}, on which it is tested: {other}, from which it "
                f"learned, has {same}. Leave one of the two out of the student's set or its `replay_on`, set "
                "`all: false` for one, or let the table name the datasets",
            )
            return


def _split(config: Config, name: str) -> tuple[object, ...]:
    """Return what decides which sessions of a recording are tested; windows do not."""
    dataset = config["datasets"][name]
    split = dataset["split"]
    sessions = dataset["simulate"]["sessions"] if "simulate" in dataset else None
    return split["by"], split["folds"], split["test_fraction"] if split["folds"] == 1 else None, sessions


def _recordings(config: Config, name: str) -> tuple[object, ...] | None:
    """Return what two datasets of the same recordings have in common; None for one whose root is not known yet.

    A seed draws the same days for every home of a format: a variant has those of the home itself, in other words.
    """
    dataset = config["datasets"][name]
    if simulate := dataset.get("simulate"):
        return DRAWN if is_drawn(dataset) else dataset["source"], simulate["seed"]
    root = dataset["root"] or config.get(f"{name}_root")
    return (os.path.realpath(home_path(dataset["home"])), os.path.realpath(str(root))) if root else None


def forgetting_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for each table of forgetting that has no student on an unseen dataset, or not its base there."""
    known = recognisers(config)
    for table, spec in config["tables"].items():
        if spec["rows"] != "forgetting":
            continue
        pairs = table_pairs(config, table)
        unseen = [
            (name, known[name].base, dataset)
            for name, dataset in pairs
            if (student := known[name].student) and dataset not in student.datasets
        ]
        path: Place = ["tables", table, "select"]
        for name, base, _ in unseen:
            if not known[name].is_asked_as_base:
                yield (
                    path,
                    f"{name} has another prompt or decoding than its base {base}, so a difference is not what it has "
                    "forgotten; select students without a variant",
                )
                break
        if not unseen:
            yield path, "selects no student on a dataset that it did not learn from"
        for name, base, dataset in unseen:
            if (base, dataset) not in pairs:
                yield path, f"{name} on {dataset} is compared with {base}: add {{recognisers: bases}} to the selection"
                break
