# What the rules share: the checked config, what a run is of, and where programs are.

import json
import os
import shlex
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

sys.path.insert(0, f"{workflow.basedir}/workflow_scripts")

from hearth.workflow import configuration, run_state
from hearth.workflow.recognisers import (
    compared,
    figures,
    prompts,
    recognisers,
    selected_pairs,
    student_groups,
    students,
    table_pairs,
    usual_datasets,
)
from hearth.workflow.code_hash import code_digest
from hearth.common.files import write_text
from hearth.homes.home import load_home
from hearth.workflow.snakemake_patches import mend
from hearth.distillation.recipes import RECIPES
from hearth.common.schemas import nearest
from hearth.data.sources.registry import raw_files

try:
    config, registry = configuration.resolve(config, workflow.configfiles)
except configuration.ConfigError as error:
    raise WorkflowError(f"The config is not usable.\n{error}") from None


class Declared(dict):
    """What the config declares, by name; asking for another name is an error that tells the nearest ones."""

    def __missing__(self, name):
        raise WorkflowError(
            f"the config declares nothing named {name!r}{nearest(name, self)}"
        )


config["datasets"] = Declared(config["datasets"])
config["tables"] = Declared(config["tables"])
RECOGNISERS = Declared(recognisers(config))
STUDENTS = Declared(students(config))
PROMPTS = prompts(config)
# Every score of the run. A config that declares no table has none, and so nothing to decide or draw.
PAIRS = selected_pairs(config)
SCORES = [
    f"results/scores/{recogniser}/{dataset}.json" for recogniser, dataset in PAIRS
]
# Students that the run is for: the main ones, and those of other groups that a table shows.
TRAINED = {
    name: student
    for name, student in STUDENTS.items()
    if student in student_groups(config)["students"]
    or any(RECOGNISERS[recogniser].student == student for recogniser, _ in PAIRS)
}
# Every (teacher, dataset) that they learn from.
TAUGHT = list(
    dict.fromkeys(
        (student.teacher, student.dataset)
        for student in TRAINED.values()
        if student.teacher
    )
)
# Every language model of the run.
MODELS = list(
    dict.fromkeys(
        [*config["models"], config["teacher"], *config["students"]["bases"]]
        + [student.base for student in TRAINED.values()]
        + [RECOGNISERS[teacher].base for teacher, _ in TAUGHT]
        + [
            RECOGNISERS[recogniser].base
            for recogniser, _ in PAIRS
            if RECOGNISERS[recogniser].base
        ]
    )
)
# Every dataset that a score is of or that a student has learned from.
DATASETS = list(
    dict.fromkeys(
        [dataset for _, dataset in PAIRS]
        + [student.dataset for student in TRAINED.values()]
    )
)
# evaluation/figures/ draws them; it is not imported here, since only jobs need matplotlib.
FIGURES = figures(
    config,
    unsized=[
        name
        for name, model in registry.items()
        if model["source"] == "served" and not model["parameters"]
    ],
)
# These rest on the table cost, so they differ from run to run, and the report does not hold them.
TIMED_FIGURES = ["cost_f1"] if SCORES else []
OWN_TABLES = [
    *(["claims"] if SCORES else []),
    *(["audit"] if TAUGHT else []),
    "cost",
]
TABLES = [
    *[table for table, spec in config["tables"].items() if spec["all"]],
    *OWN_TABLES,
]
TABLE_SPEC = ["title", "caption", "columns", "seeds"]
TABLE_FORMATS = ["md", "csv", "tex"]
FIGURE_FORMATS = ["svg", "png"]
# Relative, so that moving or cloning the whole project changes no input's name.
SOURCE = os.path.relpath(workflow.basedir)
PROJECT = "" if SOURCE == "." else f"{SOURCE}/"


WITH_CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method


# Programs are found through a shell variable: an absolute path in params would rerun everything in a moved clone.
# Without conda, rules run on the interpreter that runs Snakemake.
# SLURM sends SIGTERM to all processes of a job at once: a shell that died of it would take the job with it before its
# program has saved. This one waits for the program.
def shell_prefix():
    scripts = shlex.quote(f"{workflow.basedir}/workflow_scripts")
    prefix = f"set -euo pipefail; trap : TERM; export SCRIPTS={scripts}; "
    # What a user has under ~/.local would hide packages of the environment.
    prefix += "export PYTHONNOUSERSITE=1; "
    if not WITH_CONDA:
        prefix += f"export PATH={shlex.quote(os.path.dirname(sys.executable))}:$PATH; "
    return prefix


shell.prefix(shell_prefix())


wildcard_constraints:
    dataset="[a-z][a-z0-9-]*",
    prompt="[a-z][a-z0-9-]*(_[a-z0-9-]+)?",
    recogniser="[a-z0-9][a-z0-9._-]*",
    student="[a-z0-9][a-z0-9._-]*",
    model="[a-z0-9][a-z0-9.-]*",
    split="train|test",
    shard=r"\d{5}-\d{5}",
    table="[a-z][a-z0-9_]*",
    figure="[a-z][a-z0-9_]*",
    word=r"[\w-]+",


def refuse_target(wildcards):
    """The error for a target that is none, with the nearest one."""
    names = [rule.name for rule in workflow.rules if not rule.has_wildcards()]
    raise WorkflowError(
        f"there is no target {wildcards.word!r}{nearest(wildcards.word, names)}"
    )


def where_logs_are(log):
    """What is printed when a run fails, `log` being Snakemake's own files."""
    here = shlex.quote(os.getcwd())
    resume = f"make -C {shlex.quote(str(workflow.basedir))} resume RUN={here}"
    return (
        f"The run failed. What happened is in three places, from the nearest to the cause outwards, under {here}:\n"
        "  logs/<rule>/    what the program of the failed job said; named above under `log:`\n"
        "  logs/slurm/     on a cluster, what SLURM said: out of memory, wall time, lost node\n"
        f"  {' '.join(log)}    all that Snakemake said\n"
        "A program that was killed (signal 9, exit code -9 or 137) mostly found no memory left: in the config, fewer\n"
        "windows at a time (engine.batch_size), or examples (students.training.micro_batch_size).\n"
        "Finished work is kept. Once the cause is mended, run the same command again, or:\n"
        f"  {resume}"
    )


def write_run_config():
    """Leave the whole config of this run, defaults included, beside its results."""
    write_text(
        "results/run_config.json", json.dumps(config, indent=2, sort_keys=True) + "\n"
    )
