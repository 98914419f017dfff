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
from hearth.recognisers import (
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
from hearth.code_identity import code_digest
from hearth.files import write_text
from hearth.homes import load_home
from hearth.recipes import RECIPES
from hearth.sources import raw_files

try:
    config, registry = configuration.resolve(config, workflow.configfiles)
except configuration.ConfigError as error:
    raise WorkflowError(f"The config is not usable.\n{error}") from None

RECOGNISERS = recognisers(config)
STUDENTS = students(config)
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
# Every language model of the run.
MODELS = list(
    dict.fromkeys(
        [*config["models"], config["teacher"], *config["students"]["bases"]]
        + [
            model
            for student in TRAINED.values()
            for model in (student.base, student.teacher)
        ]
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
    *(["audit"] if TRAINED else []),
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


def home_of(dataset):
    """The run's own copy of a dataset's home: of the project's, or of a file of the user's."""
    home = config["datasets"][dataset]["home"]
    if home.endswith(".yaml"):
        return f"results/homes/{dataset}.yaml"
    return project_file(f"config/homes/{home}.yaml")


def home_source(wildcards):
    """Where the home of a dataset is written, for a user's own file."""
    return configuration.home_path(config["datasets"][wildcards.dataset]["home"])


def home_file(wildcards):
    return home_of(wildcards.dataset)


def window_settings(wildcards):
    """How a dataset's events are cut, as options of the program."""
    settings = config["datasets"][wildcards.dataset]["windows"]
    options = f"--window-size {settings['size']} --short-windows {settings['short']}"
    if settings["by"] == "count":
        return options
    return (
        f"{options} --window-by {settings['by']} --window-seconds {settings['seconds']}"
    )


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
        home = load_home(configuration.home_path(dataset["home"]))
        return raw_files(dataset["source"], dataset["root"], home)
    except ValueError as error:
        raise WorkflowError(
            f"dataset {wildcards.dataset}: {error}\n"
            f"Set datasets.{wildcards.dataset}.root in the config, or run with --config {wildcards.dataset}_root=PATH."
        ) from None


def recogniser_of(wildcards):
    """The recogniser of the wildcards, or the student that they name."""
    return RECOGNISERS[wildcards.get("recogniser") or wildcards.student]


def model_snapshot(wildcards):
    """The snapshot of a recogniser's language model; nothing for a baseline."""
    base = recogniser_of(wildcards).base
    return f"results/models/{base}/snapshot.json" if base else []


def prompt_file(recogniser, dataset):
    """The rendered prompt that a recogniser is asked with on a dataset; nothing for a baseline."""
    if not recogniser.prompt:
        return []
    name = "_".join(filter(None, (dataset, recogniser.prompt_name)))
    return f"results/prompts/{name}.json"


def recogniser_prompt(wildcards):
    return prompt_file(recogniser_of(wildcards), wildcards.dataset)


def prompt_settings(wildcards):
    """(dataset, settings) of the wildcards' prompt."""
    dataset, _, name = wildcards.prompt.partition("_")
    return dataset, PROMPTS[name]


def prompt_home(wildcards):
    dataset, _ = prompt_settings(wildcards)
    return home_of(dataset)


def prompt_template(wildcards):
    _, settings = prompt_settings(wildcards)
    return project_file(f"config/prompts/{settings['template']}.j2")


def prompt_windows(wildcards):
    """The windows that examples are chosen from; nothing for a prompt that shows none."""
    dataset, settings = prompt_settings(wildcards)
    return f"results/datasets/{dataset}/windows.jsonl" if settings["shots"] else []


# Whether params have changed Snakemake asks of those alone that take nothing from `input`.
def prompt_options(wildcards):
    """Settings of a prompt as options of the program; those that ask for nothing are left out."""
    _, settings = prompt_settings(wildcards)
    options = [f"--reasoning {settings['reasoning']}"]
    options += [f"--no-{part}" for part in ("rules", "example") if not settings[part]]
    if settings["shots"]:
        options += [
            f"--windows {shlex.quote(prompt_windows(wildcards))}",
            f"--shots {settings['shots']} --shots-by {settings['shots_by']}",
        ]
    return " ".join(options)


def adapter_folder(wildcards):
    """The folder of a student's adapter; "" where there is none."""
    student = recogniser_of(wildcards).student
    return f"results/students/{student.name}/adapter" if student else ""


def adapter_files(wildcards):
    """A student's adapter; nothing for other recognisers."""
    folder = adapter_folder(wildcards)
    names = ("adapter_model.safetensors", "adapter_config.json")
    return [f"{folder}/{name}" for name in names] if folder else []


def engine_options(wildcards):
    """What recognises, as options of the program: all that decides a prediction beside the windows."""
    recogniser = recogniser_of(wildcards)
    if recogniser.kind == "baseline":
        return f"--baseline {recogniser.name}"
    options = {
        "--model": f"results/models/{recogniser.base}",
        "--adapter": adapter_folder(wildcards),
        "--prompt": recogniser_prompt(wildcards),
        "--decoding": json.dumps(recogniser.decoding, sort_keys=True),
    }
    engine = engine_name(wildcards)
    if engine != "openai":  # a server has a precision of its own
        options["--dtype"] = config["engine"]["dtype"]
    if engine == "vllm":
        options["--engine"] = engine
    return " ".join(
        f"{option} {shlex.quote(value)}" for option, value in options.items() if value
    )


def engine_name(wildcards):
    """The engine that runs a recogniser: for a served model its server, else the config's; "" for a baseline."""
    base = recogniser_of(wildcards).base
    if not base:
        return ""
    return (
        "openai" if registry[base]["source"] == "served" else config["engine"]["name"]
    )


def engine_environment(wildcards):
    """The conda environment of a recogniser. Served models and baselines share that of the usual engine."""
    return f"../envs/{'vllm' if engine_name(wildcards) == 'vllm' else 'llm'}.yaml"


def server(wildcards):
    """The server of a served model; "" for others."""
    if engine_name(wildcards) != "openai":
        return ""
    base = recogniser_of(wildcards).base
    return registry[base]["base_url"] or config["engine"]["base_url"]


def shard_files(pattern):
    """An input function: `pattern` for every shard of the wildcards' dataset and split, in window order."""

    def files(wildcards):
        plan = checkpoints.window_dataset.get(dataset=wildcards.dataset).output.shards
        with open(plan) as handle:
            shards = json.load(handle)[wildcards.split]
        return collect(pattern, shard=shards, **wildcards)

    return files


# What a job of a baseline asks of a cluster.
BASELINE_ASK = {"gpus": 0, "mem_mb": 4000, "runtime": 60}


def model_resource(key):
    """An input function: what the registry says a job of this recogniser (or student) asks of a cluster."""

    def value(wildcards):
        base = recogniser_of(wildcards).base
        return registry[base][key] if base else BASELINE_ASK[key]

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
    if entry["source"] == "served":
        keys = ("source", "served_model", "interface", "parameters")
    return {key: entry[key] for key in keys if entry.get(key)}


def model_notes(wildcards):
    """What the registry says about a model beside which weights it is, as JSON."""
    entry = registry[wildcards.model]
    return json.dumps({key: entry[key] for key in ("license", "stand_in")})


def stand_in(model):
    """What a model stands in for a real one as; "" for a real one, and for no model."""
    return registry[model]["stand_in"] if model else ""


def score_facts(wildcards):
    """What a score file carries beside its inputs: how its text was drawn and what was learned from whom."""
    recogniser = recogniser_of(wildcards)
    student = recogniser.student
    engine = engine_name(wildcards)
    facts = {
        "kind": recogniser.kind,
        "base": recogniser.base,
        "condition": recogniser.condition,
        "decoding": recogniser.decoding,
        "dtype": config["engine"]["dtype"] if engine not in ("", "openai") else "",
        "engine": engine,
        "home": Path(config["datasets"][wildcards.dataset]["home"]).stem,
        "simulated": [
            dataset
            for dataset in dict.fromkeys(
                [wildcards.dataset, *([student.dataset] if student else [])]
            )
            if "simulate" in config["datasets"][dataset]
        ],
        "stand_in": stand_in(recogniser.base),
    }
    if student:
        facts |= {
            "teacher": student.teacher,
            "recipe": student.recipe,
            "train_dataset": student.dataset,
            "teacher_stand_in": stand_in(student.teacher),
        }
    return json.dumps(facts, sort_keys=True)


def table_scores(wildcards):
    pairs = table_pairs(config, wildcards.table)
    return [
        f"results/scores/{recogniser}/{dataset}.json" for recogniser, dataset in pairs
    ]


def declared(table):
    """The specification of a table, as the program takes it."""
    spec = {key: config["tables"][table][key] for key in TABLE_SPEC}
    return spec | {"compare": compared(config, table)}


def table_spec(wildcards):
    return json.dumps(declared(wildcards.table), sort_keys=True)


def report_tables():
    """What the report shows of every table: specification and (recogniser, dataset) pairs, as JSON."""
    tables = {
        name: {
            **declared(name),
            "pairs": table_pairs(config, name),
        }
        for name, spec in config["tables"].items()
        if spec["all"]
    }
    return json.dumps(tables)


def cost_table(wildcards):
    """What a figure reads beside scores."""
    return "results/tables/cost.csv" if wildcards.figure in TIMED_FIGURES else []


def scored_prompts():
    """The prompts that the run's scores were made with."""
    asked = [prompt_file(RECOGNISERS[name], dataset) for name, dataset in PAIRS]
    return list(dict.fromkeys(prompt for prompt in asked if prompt))


def deciding_config():
    """What the config says of all of the run's results, as JSON: neither where things lie, nor how they are run.

    What it says of some recognisers alone, such as a condition, is in their scores.
    """
    named = ("windows", "split", "prompt", "decoding", "models", "teacher")
    return json.dumps(
        {key: config[key] for key in named}
        | {
            "datasets": {
                name: {
                    key: value
                    for key, value in config["datasets"][name].items()
                    if key != "root"
                }
                for name in DATASETS
            },
            "engine": {key: config["engine"][key] for key in ("name", "dtype")},
            "students": {
                key: value
                for key, value in config["students"].items()
                if key != "groups"
            },
        },
        sort_keys=True,
    )


def training_log(wildcards):
    """A student's training log; nothing for other recognisers."""
    student = recogniser_of(wildcards).student
    return f"results/students/{student.name}/training_log.json" if student else []


def teacher_traces(wildcards):
    student = STUDENTS[wildcards.student]
    return f"results/predictions/{student.teacher}/{student.dataset}/train/all.jsonl"


def audits(wildcards):
    """The audit of every teacher's traces on every dataset that the run's students learn from, each once."""
    pairs = dict.fromkeys(
        (student.teacher, student.dataset) for student in TRAINED.values()
    )
    return [f"results/audits/{teacher}/{dataset}.json" for teacher, dataset in pairs]


def tiny_teachers(wildcards):
    """The teachers of the run's students that only stand in for real models."""
    teachers = dict.fromkeys(student.teacher for student in TRAINED.values())
    return [teacher for teacher in teachers if stand_in(teacher)]


def recipe_file(wildcards):
    """What a student's recipe reads beside traces and windows; nothing for most.

    It follows from traces, windows and prompt, and changes apart from them only with the code of a cheap rule: that
    must repeat no training.
    """
    student = STUDENTS[wildcards.student]
    files = {
        "parsed": f"results/predictions/{student.teacher}/{student.dataset}/train/parsed.jsonl",
        "audit": f"results/audits/{student.teacher}/{student.dataset}.json",
    }
    needed = RECIPES[student.recipe].needs
    return ancient(files[needed]) if needed else []


def recipe_option(wildcards, input):
    """A student's recipe as the program's option has it, and behind it what the recipe reads as an option of its own."""
    recipe = STUDENTS[wildcards.student].recipe
    needed = RECIPES[recipe].needs
    return f"{recipe} --{needed} {shlex.quote(input.recipe)}" if needed else recipe


def student_input(pattern):
    """An input function: `pattern` with {dataset} and {base} of the wildcards' student."""

    def file(wildcards):
        student = STUDENTS[wildcards.student]
        return pattern.format(dataset=student.dataset, base=student.base)

    return file


def student_prompt(wildcards):
    """The prompt that a student is trained with: the one it is asked with."""
    return prompt_file(
        RECOGNISERS[wildcards.student], STUDENTS[wildcards.student].dataset
    )


def student_training(wildcards):
    """The training settings of a student, its seed among them, as JSON."""
    student = STUDENTS[wildcards.student]
    settings = config["students"]["training"] | {
        "seed": student.seed,
        "max_examples": student.max_examples,
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
    pairs = {(*pair, "test") for pair in PAIRS}
    pairs |= {
        (student.teacher, student.dataset, "train") for student in TRAINED.values()
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


def simulated_datasets(wildcards):
    return [
        name for name, dataset in config["datasets"].items() if "simulate" in dataset
    ]


def tiny_recognisers(wildcards):
    """Recognisers whose base model only stands in for a real one."""
    return [name for name, found in RECOGNISERS.items() if stand_in(found.base)]
