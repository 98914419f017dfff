"""Find what students differ in by a single setting of their training, so that a figure can show what it changes."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# Settings along which a curve runs: fields of `Training`, and their names for readers.
FACTORS: Mapping[str, str] = {
    "learning_rate": "learning rate",
    "rank": "rank of the adapter",
    "replay": "share of replayed traces",
    "n_homes": "number of homes learned from",
}
# Parts of the variant of a student that settings of `Training` say too.
_SETTINGS = re.compile(r"(?:^|-)(?:lr[0-9.]+(?:e-?[0-9]+)?|r[0-9]+|replay[0-9.]+|balance-[a-z]+)(?=-|$)")


class Training(NamedTuple):
    """The training of a student, and the home that it is tested on and did not learn from.

    `rest` is what its variant says beside these settings. A factor is None if it is unknown, or varies along a curve.
    """

    base: str
    recipe: str
    teacher: str
    rest: str
    balance: str | None
    learning_rate: float | None
    rank: int | None
    replay: float | None
    n_homes: int | None
    trained_on: str
    dataset: str


class Curve(NamedTuple):
    """Trainings that differ in one of `FACTORS`: `shared` has what is equal, without homes, `values` the factor's."""

    factor: str
    shared: Training
    values: tuple[float, ...]


def without_settings(variant: str) -> str:
    """Return the variant of a student without the parts that name settings of `Training`."""
    return _SETTINGS.sub("", variant).strip("-")


def find_curves(trainings: Iterable[Training]) -> dict[Curve, list[Training]]:
    """Return the curves with at least two values, and the trainings on each.

    A home is on a curve only with trainings for all its values, so that no point is of other homes than another. For
    all factors but the number of homes that also goes for the homes that students learned from.
    """
    trainings = list(dict.fromkeys(trainings))
    curves: dict[Curve, list[Training]] = {}
    for factor in FACTORS:
        units: dict[tuple[Training, str, str], dict[float, list[Training]]] = {}
        for one in trainings:
            value = getattr(one, factor)
            if value is not None:
                shared = Training(**one._asdict() | {factor: None, "trained_on": "", "dataset": ""})
                unit = (shared, "" if factor == "n_homes" else one.trained_on, one.dataset)
                units.setdefault(unit, {}).setdefault(value, []).append(one)
        for (shared, _, _), by_value in units.items():
            if len(by_value) > 1:
                curve = Curve(factor, shared, tuple(sorted(by_value)))
                curves.setdefault(curve, []).extend(one for group in by_value.values() for one in group)
    return curves
