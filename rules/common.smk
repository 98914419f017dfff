# Definitions for three or more stages: the checked config, the plan of the run, wildcards, and the shell's settings.

import json
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

sys.path.insert(0, f"{workflow.basedir}/workflow_scripts")

from hearth.common.cli import UserError
from hearth.common.schemas import nearest
from hearth.workflow import configuration, containers, run_state
from hearth.data.folds import ALL, fold_of_split, train_split
from hearth.workflow.code_hash import code_digest
from hearth.workflow.dataset_sets import default_datasets
from hearth.workflow.recognisers import (
    learned_datasets,
    recognisers,
    scored_splits,
    traces_split,
    weights_fold,
)
from hearth.workflow.students import (
    fold_numbers,
    sized_datasets,
    student_folds,
    students,
)
from hearth.workflow.run_plan import plan_run
from hearth.workflow.snakemake_patches import (
    patch_scheduler,
    quote_interpreter,
    remember_parameters,
)

remember_parameters()
quote_interpreter()


def refuse(*lines):
    """End Snakemake with a message; a WorkflowError would blame the line of the workflow that raises it."""
    sys.exit("\n".join(lines))


written_config = config
try:
    config, registry = configuration.resolve(config, workflow.configfiles)
except configuration.ConfigError as error:
    refuse("The config is not usable.", str(error))
if workflow.is_main_process:
    for line in configuration.unused_settings(written_config, config):
        logger.warning(f"The config: {line}")


class Declared(dict):
    """A dict from name to an entry of the config; an unknown name raises an error that suggests the nearest name."""

    def __missing__(self, name):
        raise WorkflowError(
            f"the config declares nothing named {name!r}{nearest(name, self)}"
        )


config["datasets"] = Declared(config["datasets"])
config["tables"] = Declared(config["tables"])
RECOGNISERS = Declared(recognisers(config))
STUDENTS = Declared(students(config))
RUN = plan_run(config, registry)
# The folds of the dataset with the most.
FOLDS = max((fold_numbers(config, dataset) for dataset in config["datasets"]), key=len)
# PROJECT is the path from the run's directory to the project: "" or ending in a slash. It is relative, so that moving
# or cloning the project together with its run changes no job.
SOURCE = os.path.relpath(workflow.basedir)
PROJECT = "" if SOURCE == "." else f"{SOURCE}/"
SLURM_JOB = run_state.current_job()
WITH_CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
WITH_CONTAINERS = (
    DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method
)
# A dict from kind of work to the image of its rules; None, for which Snakemake uses no container.
IMAGES = {kind: image or None for kind, image in config["containers"].items()}

if WITH_CONTAINERS:
    if problems := containers.container_problems(config, registry):
        refuse(
            "The run cannot use containers (--software-deployment-method apptainer).",
            *problems,
        )
    # In the environment of Snakemake, which hands it to apptainer. Snakemake of a cluster job sets it on its node.
    try:
        os.environ.update(
            containers.container_environment(
                Path(workflow.basedir), config, registry, os.environ
            )
        )
    except UserError as error:
        refuse(str(error))


# The file that a rule's shell sources before its program, where Snakemake has activated the environment already.
ACTIVATED = os.devnull


def activate_vllm(wildcards):
    """Return the file that a shell sources to activate the environment of vllm.

    Without conda and containers, all rules share the environment that runs Snakemake, except those of vllm, which needs
    other versions of packages. Raises WorkflowError if that environment is missing.
    """
    if WITH_CONDA or (WITH_CONTAINERS and IMAGES["vllm"]):
        return ACTIVATED
    file = f"{PROJECT}.venv-vllm/bin/activate"
    if not os.path.exists(file):
        raise WorkflowError(
            "vllm runs this job, but its environment .venv-vllm is missing. Run `make setup-vllm` in the project,"
            " or set engine.name to transformers."
        )
    return file


def as_text(path):
    """Return a path for a shell command; doubled braces keep Snakemake from taking them for one of its variables."""
    return shlex.quote(path).replace("{", "{{").replace("}", "}}")


def shell_prefix():
    """Return the text that Snakemake puts before every shell command."""
    # Programs are found through a variable: an absolute path in params would rerun every job in a moved clone.
    scripts = as_text(f"{workflow.basedir}/workflow_scripts")
    # SLURM sends SIGTERM to all processes of a job at once. The shell ignores it and waits for its program to save.
    prefix = f"set -euo pipefail; trap : TERM; export SCRIPTS={scripts}; "
    # Packages under ~/.local would hide those of the environment.
    prefix += "export PYTHONNOUSERSITE=1; "
    # Without conda, jobs use the interpreter that runs Snakemake; in a container, that of its image.
    if not WITH_CONDA:
        own = f"export PATH={as_text(os.path.dirname(sys.executable))}:$PATH; "
        if WITH_CONTAINERS:
            own = f"if {containers.IN_CONTAINER}; then unset PYTHONPATH PYTHONHOME; else {own}fi; "
        prefix += own
    return prefix


shell.prefix(shell_prefix())


wildcard_constraints:
    dataset="[a-z][a-z0-9-]*",
    prompt=r"[a-z][a-z0-9-]*(_[a-z0-9-]+)?(_fold\d+)?",
    recogniser="[a-z0-9][a-z0-9._-]*",
    student="[a-z0-9][a-z0-9._-]*",
    server="[a-z0-9][a-z0-9._-]*",
    model="[a-z0-9][a-z0-9.-]*",
    split=r"all|(test|train)\d+",
    fold=r"\d+",
    shard=r"\d+-\d+",
    table="[a-z][a-z0-9_]*",
    figure="[a-z][a-z0-9_]*",
    word=r"[\w-]+",


def weights_of(recogniser, fold):
    """Return the name of a recogniser's weights in a fold: its student or base model; "" for a baseline."""
    return (
        f"{recogniser.student.name}_fold{weights_fold(config, recogniser, fold)}"
        if recogniser.student
        else recogniser.base
    )


# From the name of weights to one of the recognisers that use them, and the fold.
RECOGNISER_OF_WEIGHTS = {
    weights_of(one, fold): (one, fold) for one in RECOGNISERS.values() for fold in FOLDS
}


def recogniser_of(wildcards):
    """Return the recogniser that the wildcard {recogniser} or {student} names, or one with the weights of {server}."""
    if server := wildcards.get("server"):
        return RECOGNISER_OF_WEIGHTS[server][0]
    return RECOGNISERS[wildcards.get("recogniser") or wildcards.student]


def fold_of(wildcards):
    """Return the fold of a job that uses a student: that of {fold}, {server} or {split}; 1 where none of them says."""
    if server := wildcards.get("server"):
        return RECOGNISER_OF_WEIGHTS[server][1]
    if fold := wildcards.get("fold"):
        return int(fold)
    split = wildcards.get("split", ALL)
    return 1 if split == ALL else fold_of_split(split)


def is_simulated(dataset):
    return "simulate" in config["datasets"][dataset]
