# What the rules share: the checked config, where programs are, and how names in config become paths.

import json
import os
import shlex
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

sys.path.insert(0, f"{workflow.basedir}/workflow_scripts")

from hearth import configuration, runs
from hearth.code_identity import code_digest
from hearth.files import write_text
from hearth.sources import raw_files

try:
    config, registry = configuration.resolve(config, workflow.configfiles)
except configuration.ConfigError as error:
    raise WorkflowError(f"The config is not usable.\n{error}") from None

STUDENTS = configuration.students(config)
# Every language model of the run.
MODELS = list(
    dict.fromkeys([*config["models"], config["teacher"], *config["students"]["bases"]])
)
# Every score of the run. A config that declares no table has none, and so nothing to decide or draw.
SCORES = [
    f"results/scores/{recogniser}/{dataset}.json"
    for recogniser, dataset in configuration.selected_pairs(config)
]
# evaluation/figures.py draws them; it is not imported here, since only jobs need matplotlib.
FIGURES = ["f1_by_size", "failures"] if SCORES else []
TABLES = [*config["tables"], *(["claims"] if SCORES else []), "cost"]
TABLE_SPEC = ["title", "caption", "columns"]
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
    recogniser="[a-z0-9][a-z0-9._-]*",
    student="[a-z0-9][a-z0-9._-]*",
    model="[a-z0-9][a-z0-9.-]*",
    split="train|test",
    shard=r"\d{5}-\d{5}",
    table="[a-z][a-z0-9_]*",
    figure="[a-z][a-z0-9_]*",


def where_logs_are(log):
    """What is printed when a run fails, `log` being Snakemake's own."""
    here = shlex.quote(os.getcwd())
    resume = f"make -C {shlex.quote(str(workflow.basedir))} resume RUN={here}"
    return (
        f"The run failed. What happened is in three places, from the nearest to the cause outwards, under {here}:\n"
        "  logs/<rule>/    what the program of the failed job said; named above under `log:`\n"
        "  logs/slurm/     on a cluster, what SLURM said: out of memory, wall time, lost node\n"
        f"  {log}    all that Snakemake said\n"
        "Finished work is kept. Once the cause is mended, run the same command again, or:\n"
        f"  {resume}"
    )


def write_run_config():
    """Leave the whole config of this run, defaults included, beside its results."""
    write_text(
        "results/run_config.json", json.dumps(config, indent=2, sort_keys=True) + "\n"
    )


def project_file(name):
    """The run's own copy of a file of the project (rules/project.smk)."""
    return f"results/project/{name}"


def home_file(wildcards):
    home = config["datasets"][wildcards.dataset]["home"]
    return project_file(f"config/homes/{home}.yaml")


def dataset_root(wildcards):
    """The folder of a dataset's raw files."""
    dataset = config["datasets"][wildcards.dataset]
    return (
        f"results/simulated/{wildcards.dataset}"
        if "simulate" in dataset
        else dataset["root"]
    )


def raw_input(wildcards):
    """A dataset's raw files, or the simulation that writes them; a missing folder says where to get the data."""
    dataset = config["datasets"][wildcards.dataset]
    if "simulate" in dataset:
        return f"results/simulated/{wildcards.dataset}/README.txt"
    try:
        return raw_files(dataset["source"], dataset["root"])
    except ValueError as error:
        raise WorkflowError(
            f"dataset {wildcards.dataset}: {error}\n"
            f"Set datasets.{wildcards.dataset}.root in the config, or run with --config {wildcards.dataset}_root=PATH."
        ) from None


def base_model(recogniser):
    return STUDENTS[recogniser].base if recogniser in STUDENTS else recogniser


def model_snapshot(wildcards):
    return f"results/models/{base_model(wildcards.recogniser)}/snapshot.json"


def adapter_files(wildcards):
    """A student's adapter; nothing for a base model."""
    if wildcards.recogniser not in STUDENTS:
        return []
    return [
        f"results/students/{wildcards.recogniser}/adapter/adapter_model.safetensors",
        f"results/students/{wildcards.recogniser}/adapter/adapter_config.json",
    ]


def shard_files(pattern):
    """An input function: `pattern` for every shard of the wildcards' dataset and split, in window order."""

    def files(wildcards):
        plan = checkpoints.window_dataset.get(dataset=wildcards.dataset).output.shards
        with open(plan) as handle:
            shards = json.load(handle)[wildcards.split]
        return collect(pattern, shard=shards, **wildcards)

    return files


def model_resource(key):
    """An input function: what the registry says a job of this recogniser (or student) asks of a cluster."""

    def value(wildcards):
        name = wildcards.get("recogniser") or wildcards.get("student")
        return registry[base_model(name)][key]

    return value


def models_by_ask():
    """Models of the run by the (GPUs, MB of memory) that their jobs ask for."""
    asks = {}
    for model in MODELS:
        ask = str(registry[model]["gpus"]), str(registry[model]["mem_mb"])
        asks.setdefault(ask, []).append(model)
    return asks


def growing_resource(key):
    """An input function: as `model_resource`, and half as much again for every retry.

    A retry goes on from what work/ holds, so it is for the job that got nowhere or ran out of memory.
    """

    def value(wildcards, attempt):
        return model_resource(key)(wildcards) * (attempt + 1) // 2

    return value


def partition_for(gpus):
    """The SLURM partition of a job that asks for so many GPUs; None where no profile names partitions."""
    names = workflow.resource_settings.default_resources or {}
    name = (gpus and names.get("gpu_partition")) or names.get("slurm_partition")
    return name and str(name.raw).strip("'")


def partition(wildcards):
    """The SLURM partition of a job of this recogniser (or student)."""
    return partition_for(model_resource("gpus")(wildcards))


def model_spec(model):
    """The part of a model's registry entry that says which weights it is."""
    entry = registry[model]
    keys = (
        "source",
        "id",
        "revision",
        "path",
        "package",
        "file",
        "sha256",
    )
    return {key: entry[key] for key in keys if entry.get(key)}


def model_notes(wildcards):
    """What the registry says about a model beside which weights it is, as JSON."""
    entry = registry[wildcards.model]
    return json.dumps({key: entry[key] for key in ("license", "stand_in")})


def decoding_json():
    return json.dumps(config["decoding"], sort_keys=True)


def score_facts(wildcards):
    """What a score file carries beside its inputs: how its text was drawn and what was learned from whom."""
    student = STUDENTS.get(wildcards.recogniser)
    facts = {
        "kind": "student" if student else "base",
        "base": base_model(wildcards.recogniser),
        "decoding": config["decoding"],
        "dtype": config["engine"]["dtype"],
        "home": config["datasets"][wildcards.dataset]["home"],
        "simulated": [
            dataset
            for dataset in dict.fromkeys(
                [wildcards.dataset, *([student.dataset] if student else [])]
            )
            if "simulate" in config["datasets"][dataset]
        ],
        "stand_in": registry[base_model(wildcards.recogniser)]["stand_in"],
    }
    if student:
        facts |= {
            "teacher": config["teacher"],
            "recipe": student.recipe,
            "train_dataset": student.dataset,
            "teacher_stand_in": registry[config["teacher"]]["stand_in"],
        }
    return json.dumps(facts, sort_keys=True)


def table_scores(wildcards):
    pairs = configuration.table_pairs(config, wildcards.table)
    return [
        f"results/scores/{recogniser}/{dataset}.json" for recogniser, dataset in pairs
    ]


def table_spec(wildcards):
    spec = config["tables"][wildcards.table]
    return json.dumps({key: spec[key] for key in TABLE_SPEC}, sort_keys=True)


def report_tables():
    """What the report shows of every table: specification and (recogniser, dataset) pairs, as JSON."""
    tables = {
        name: {
            **{key: spec[key] for key in TABLE_SPEC},
            "pairs": configuration.table_pairs(config, name),
        }
        for name, spec in config["tables"].items()
    }
    return json.dumps(tables)


def training_log(wildcards):
    """A student's training log; nothing for a base model."""
    return (
        f"results/students/{wildcards.recogniser}/training_log.json"
        if wildcards.recogniser in STUDENTS
        else []
    )


def teacher_traces(wildcards):
    dataset = STUDENTS[wildcards.student].dataset
    return f"results/predictions/{config['teacher']}/{dataset}/train/all.jsonl"


def student_input(pattern):
    """An input function: `pattern` with {dataset} and {base} of the wildcards' student."""

    def file(wildcards):
        student = STUDENTS[wildcards.student]
        return pattern.format(dataset=student.dataset, base=student.base)

    return file


def student_training(wildcards):
    """The training settings of a student, its seed among them, as JSON."""
    settings = config["students"]["training"] | {
        "seed": STUDENTS[wildcards.student].seed
    }
    return json.dumps(settings, sort_keys=True)


def student_notes(wildcards):
    """What a student's card says first; whether its base is a stand-in it knows from the base's snapshot."""
    dataset = STUDENTS[wildcards.student].dataset
    simulated = "simulate" in config["datasets"][dataset]
    return json.dumps([f"{dataset} is a simulated home"] if simulated else [])


def training_ranks(wildcards):
    """One process a GPU; one process where there is none."""
    return max(1, registry[STUDENTS[wildcards.student].base]["gpus"])


def prediction_stats(wildcards):
    """Stats of every shard that the run's tables and students stand on."""
    pairs = {(*pair, "test") for pair in configuration.selected_pairs(config)}
    pairs |= {
        (config["teacher"], student.dataset, "train") for student in STUDENTS.values()
    }
    files = []
    for recogniser, dataset, split in sorted(pairs):
        plan = checkpoints.window_dataset.get(dataset=dataset).output.shards
        with open(plan) as handle:
            files += [
                f"results/predictions/{recogniser}/{dataset}/{split}/{shard}.stats.json"
                for shard in json.load(handle)[split]
            ]
    return files


def tiny_recognisers(wildcards):
    """Recognisers whose base model only stands in for a real one."""
    return [
        name for name in [*MODELS, *STUDENTS] if registry[base_model(name)]["stand_in"]
    ]
