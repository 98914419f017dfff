"""Run rules in containers (Apptainer, Singularity): which images they need, and which folders they must see.

A container sees its image, the run's directory, and what the system's administrator mounts. The folders of everything
else that jobs read or write are named in the variables that both programs read, so that no user has to list them.
"""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hearth.common.cli import UserError
from hearth.workflow.config_types import Config, Registry
from hearth.workflow.students import students

BIND_VARIABLES = ("APPTAINER_BIND", "SINGULARITY_BIND")
# A condition of bash, true in a container. Without braces, which Snakemake would take for one of its own variables.
IN_CONTAINER = "[[ -v APPTAINER_CONTAINER || -v SINGULARITY_CONTAINER ]]"


def container_problems(config: Config, registry: Registry) -> list[str]:
    """Return the problems of a run in containers, one line each."""
    images = {kind: str(image) for kind, image in config["containers"].items() if image}
    if not images:
        return [
            "containers.analysis, containers.llm and containers.vllm of the config are empty; name the images there"
        ]
    problems = [
        f"containers.{kind}: there is no image {image} in {os.getcwd()}; build it from envs/{kind}.def"
        for kind, image in images.items()
        if "://" not in image and not Path(image).exists()
    ]
    problems += [
        f"containers.{kind}: {image} holds a character that a shell reads, and Snakemake does not quote it; rename it"
        for kind, image in images.items()
        if re.search(r"[^\w@%+=:,./-]", image)
    ]
    several_nodes = {student.base for student in students(config).values() if registry[student.base]["nodes"] > 1}
    if "llm" in images and several_nodes:
        problems.append(
            f"models {', '.join(sorted(several_nodes))}: training on several nodes calls srun, which a container does "
            "not have; set nodes: 1 in the model registry, or use conda"
        )
    return problems


def container_environment(
    project: Path, config: Config, registry: Registry, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables to set for the jobs of a run in containers, given those of `environment`.

    The folders that a container must see are the project, raw data, users' own homes, model stores, and the node's
    folders for temporary files and staged weights. Those that do not exist are left out: Apptainer would not start.
    Raises UserError for a folder that Apptainer would take for two.
    """
    # A container's home folder is the run's directory, where the Hub's client would find neither cache nor token.
    hub = environment.get("HF_HOME") or f"{environment.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    hub = os.path.expanduser(hub)
    datasets = config["datasets"].values()
    folders: list[Path | str] = [
        project,
        *(dataset["root"] for dataset in datasets if dataset.get("root")),
        *(Path(dataset["home"]).parent for dataset in datasets if dataset["home"].endswith(".yaml")),
        *(project / model["path"] for model in registry.values() if model.get("path")),
        hub,
        os.path.expanduser(environment.get("HF_HUB_CACHE", hub)),
        tempfile.gettempdir(),
        os.path.expandvars(config["engine"]["stage_weights"]) or tempfile.gettempdir(),
    ]
    # A folder may be a link, so it is named by its own path and by that of its target.
    paths = [path for folder in folders for path in (os.path.abspath(str(folder)), os.path.realpath(str(folder)))]
    binds = [path for path in paths if os.path.isdir(path)]
    if several := [path for path in binds if re.search("[,:]", path)]:
        raise UserError(
            f"{', '.join(several)}: a container cannot see a folder with a comma or colon in its path; rename it"
        )
    variables = {"HF_HOME": hub}
    for variable in BIND_VARIABLES:
        named = [bind for bind in environment.get(variable, "").split(",") if bind]
        variables[variable] = ",".join(dict.fromkeys([*named, *binds]))
    return variables
