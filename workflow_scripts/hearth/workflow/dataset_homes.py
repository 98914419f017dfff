"""Load the homes of datasets, drawn ones among them, and check where the home and events of a dataset are from."""

from collections.abc import Iterator
from pathlib import Path

from hearth.common.schemas import Problem, nearest
from hearth.homes.home import Home, HomeError, load_home
from hearth.simulation.drawn import draw_home
from hearth.simulation.formats import DRAWN, FORMATS, VARIANT
from hearth.simulation.variants import draw_variant
from hearth.workflow.config_types import Config, Dataset
from hearth.workflow.project_files import PROJECT, home_path

# The path of a value in the config: keys of mappings and positions in lists, from the top level.
Place = list[object]


def is_drawn(dataset: Dataset) -> bool:
    """Whether the whole home of a dataset is drawn by a seed, so that `home` names no yaml."""
    return "simulate" in dataset and dataset["simulate"]["kind"] == DRAWN


def is_variant(dataset: Dataset) -> bool:
    """Whether the home of a dataset is a variant, drawn by a seed, of the home that `home` names."""
    return "simulate" in dataset and dataset["simulate"]["kind"] == VARIANT


def home_name(dataset: Dataset) -> str:
    """Return the name of a dataset's home in scores.

    It is that of the home's file without suffix, `drawn-<seed>`, or `<home>-variant-<seed>`.
    """
    if is_drawn(dataset):
        return f"{DRAWN}-{dataset['simulate']['seed']}"
    home = Path(dataset["home"]).stem
    return f"{home}-{VARIANT}-{dataset['simulate']['seed']}" if is_variant(dataset) else home


def load_dataset_home(dataset: Dataset, project: Path = PROJECT) -> Home:
    """Load the home of a dataset, or draw it. Raises HomeError and OSError as `load_home` does."""
    if is_drawn(dataset):
        return draw_home(dataset["simulate"]["seed"])
    home = load_home(home_path(dataset["home"], project))
    if is_variant(dataset) and dataset["home"] in FORMATS:
        return draw_variant(home, dataset["home"], dataset["simulate"]["seed"])
    return home  # of a variant, if `home_problems` has to say that there is none of it


def home_problems(name: str, dataset: Dataset, project: Path) -> Iterator[Problem]:
    """Yield a problem if the home of a dataset does not exist or is invalid."""
    path: Place = ["datasets", name, "home"]
    if is_drawn(dataset):
        if dataset["home"] != DRAWN:
            yield path, f"the home of a dataset with simulate.kind {DRAWN!r} must be {DRAWN!r}, not {dataset['home']!r}"
        return
    if dataset["home"] == DRAWN:
        yield path, f"only a dataset with `simulate: {{kind: {DRAWN}, ...}}` has a drawn home; set it, or name a home"
        return
    if is_variant(dataset) and dataset["source"] in FORMATS and dataset["home"] != dataset["source"]:
        yield path, f"a variant is drawn of the home of its format: use {dataset['source']!r}, not {dataset['home']!r}"
        return
    home = home_path(dataset["home"], project)
    if not home.is_file() and home != Path(dataset["home"]):
        names = sorted(file.stem for file in (project / "config" / "homes").glob("*.yaml"))
        yield path, f"unknown home {dataset['home']!r}{nearest(dataset['home'], names)}, or name a file: my-home.yaml"
        return
    try:
        load_home(home)
    except HomeError as error:
        yield from ((path, line) for line in str(error).splitlines())


def root_problems(config: Config, name: str, dataset: Dataset) -> Iterator[Problem]:
    """Yield a problem unless the events of a dataset come from exactly one source: a simulation or a folder."""
    simulated = "simulate" in dataset
    if is_drawn(dataset):
        if dataset["source"] != "table":
            yield (
                ["datasets", name, "source"],
                f"a drawn home is written as tables; use table, not {dataset['source']!r}",
            )
    elif simulated and dataset["source"] not in FORMATS:
        formats = ", ".join(FORMATS)
        yield (
            ["datasets", name, "source"],
            f"a simulated home must be one of {formats}, not {dataset['source']!r}; or draw one with simulate.kind",
        )
    if simulated and dataset["simulate"]["without"] and dataset["source"] != "marble":
        yield (
            ["datasets", name, "simulate", "without"],
            "only a simulated home in the format of marble has these traits",
        )
    folder = dataset["root"] or config.get(f"{name}_root")
    if simulated and folder:
        path: Place = ["datasets", name, "root"] if dataset["root"] else [f"{name}_root"]
        yield path, f"{folder!r} would not be read: the dataset is simulated; remove the folder or `simulate`"
    elif not simulated and not folder:
        yield ["datasets", name, "root"], f"no folder of raw files: set it here or with --config {name}_root=PATH"
