"""Test the rerun matrix: the exact number of jobs that every kind of change reruns, locally and on SLURM."""

import os
import re
import shutil

import pytest
import yaml
from snakemake_runs import slurm_profile, small_config

DATA = ("simulate_home", "load_dataset", "window_dataset", "split_dataset")
PRESENTATION = {"claims": 1, "budgets": 1, "figure": 6, "report": 1, "provenance": 1, "all": 1}
# Jobs that also run if the answers that the window browser shows change.
ANSWERS = PRESENTATION | {"window_browser": 1}


def config(change):
    """Return a function that changes the config of a workflow by `change`."""

    def edit(workflow):
        changed = small_config()
        change(changed)
        workflow.configure(changed)

    return edit


def add_recognisers(name, **more):
    """Return a function that adds the keys `more` to a config, and the group `name` of recognisers to one table."""

    def change(config):
        config |= more
        config["tables"]["scaling"]["select"].append({"recognisers": name})

    return change


def add_transfer_baseline(config):
    """Add a transfer baseline to a config, and a table that shows it."""
    selected = [{"recognisers": "transfer_baselines"}]
    config["transfer_baselines"] = ["words-majority"]
    config["tables"]["across_homes"] = {"title": "Across homes", "labels": "common", "select": selected}


def append_line(*names, line="EDITED = True"):
    """Return a function that appends `line` to the files `names` of a workflow's project."""

    def edit(workflow):
        for name in names:
            with (workflow.repository / name).open("a") as file:
                file.write(f"\n{line}\n")

    return edit


def yaml_file(name, change):
    """Return a function that changes the YAML file `name` of a workflow's project by `change`."""

    def edit(workflow):
        path = workflow.repository / name
        value = yaml.safe_load(path.read_text())
        change(value)
        path.write_text(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))

    return edit


def options(*arguments):
    """Return a function that changes nothing in a workflow, and returns additional options of Snakemake."""
    return lambda workflow: arguments


def cluster(folder, **site) -> tuple[str, ...]:
    """Return Snakemake's options for a dry run with the cluster profile of a site; a dry run needs no cluster.

    They turn conda off, because the reference run was made without it.
    """
    profile = slurm_profile(folder, **site, scratch="scratch")
    return "--profile", str(profile), "--software-deployment-method", "env-modules"


def other_cluster(workflow):
    """Return Snakemake's options for a cluster with another account and other partitions; change nothing."""
    return cluster(workflow.repository / "other", account="other", cpu_partition="long", gpu_partition="h100")


def choose_vllm(workflow):
    """Let vllm run all models, and write the file by which Snakemake knows that the environment of vllm exists."""
    activate = workflow.repository / ".venv-vllm" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()
    return config(lambda c: c["engine"].update(name="vllm"))(workflow)


def touch_all(workflow):
    """Set the modification time of every file to now, in arbitrary order, as in a fresh clone."""
    for path in workflow.repository.rglob("*.*"):
        os.utime(path)


def move_project(workflow):
    """Move the project together with the run inside it."""
    elsewhere = workflow.repository.parent / "elsewhere"
    shutil.move(workflow.repository, elsewhere)
    workflow.directory, workflow.repository = elsewhere / "run", elsewhere


def move_run(workflow):
    """Move the working directory out of the project."""
    deeper = workflow.repository.parent / "scratch" / "deeper" / "run"
    deeper.parent.mkdir(parents=True)
    shutil.move(workflow.directory, deeper)
    workflow.directory = deeper


# Triples: a change in words, the function that makes it, and the number of jobs that it reruns, by rule.
MATRIX = [
    (
        "one home's label rule",
        yaml_file("config/homes/marble.yaml", lambda home: home["rules"].append("Someone in the bathroom washes.")),
        {
            **dict.fromkeys(("copy_project_file", *DATA, "render_prompt", "distil"), 1),
            **{"recognise": 10, "gather_predictions": 6, "parse_predictions": 6, "score": 5, "table": 5, "cost": 1},
            **{"audit": 1, "audit_table": 1},
            **ANSWERS,
        },
    ),
    (
        "the common label of one home's label",
        yaml_file("config/homes/marble.yaml", lambda home: home["common_labels"].update(USING_PC="other")),
        {"score": 4, "table": 5, **PRESENTATION},  # of the four recognisers that are tested on sim-marble
    ),
    ("a comment in a home", append_line("config/homes/marble.yaml", line="# A remark."), {}),
    (
        "one model added",
        config(lambda c: c["models"].append("tiny-l")),
        {
            **{"fetch_model": 1, "recognise": 3, "gather_predictions": 2, "parse_predictions": 2, "score": 2},
            **{"table": 1, "cost": 1},
            **PRESENTATION,
        },
    ),
    (
        "a decoding value",
        config(lambda c: c["decoding"].update(max_new_tokens=97)),
        {
            **{"recognise": 14, "distil": 2, "gather_predictions": 10, "parse_predictions": 10, "score": 8},
            **{"audit": 2, "audit_table": 1, "table": 5, "cost": 1},
            **ANSWERS,
        },
    ),
    (
        "a setting of the prompt",
        config(lambda c: c["prompt"].update(rules=False)),
        {
            "render_prompt": 2,
            **{"recognise": 14, "distil": 2, "gather_predictions": 10, "parse_predictions": 10, "score": 8},
            **{"audit": 2, "audit_table": 1, "table": 5, "cost": 1},
            **ANSWERS,
        },
    ),
    (
        "one training seed added",
        config(lambda c: c["students"].update(seeds=[0, 5])),
        {
            **{"distil": 2, "recognise": 6, "gather_predictions": 4, "parse_predictions": 4, "score": 4},
            **{"table": 4, "cost": 1},
            **PRESENTATION,
        },
    ),
    (
        "the number format of training",
        config(lambda c: c["students"].update(dtype="bfloat16")),
        {
            **{"distil": 2, "recognise": 6, "gather_predictions": 4, "parse_predictions": 4, "score": 4},
            **{"table": 4, "cost": 1},
            **ANSWERS,
        },
    ),
    (
        "a variant added, with a prompt of its own",
        config(add_recognisers("curt", variants={"curt": {"of": "bases", "prompt": {"reasoning": "none"}}})),
        {
            **{"render_prompt": 2, "recognise": 3, "gather_predictions": 2, "parse_predictions": 2, "score": 2},
            **{"table": 1, "cost": 1},
            **PRESENTATION,
        },
    ),
    (
        "a baseline added",
        config(add_recognisers("baselines", baselines=["majority"])),
        {
            **{"recognise_baseline": 2, "parse_predictions": 2, "score": 2},
            **{"table": 1, "cost": 1},
            **PRESENTATION,
        },
    ),
    (
        "a transfer baseline added",
        config(add_transfer_baseline),
        {"recognise_transfer_baseline": 6, "score": 6, "table": 1, "cost": 1, **PRESENTATION},
    ),
    (
        "a group of students added that no table shows",
        config(lambda c: c["students"].update(groups={"few": {"max_examples": [5]}})),
        {},
    ),
    ("shard size", config(lambda c: c["engine"].update(shard_size=3)), {}),
    ("shards by time", config(lambda c: c["engine"].update(shard_size="auto", shard_minutes=1e-9)), {}),
    ("batch size and threads", config(lambda c: c["engine"].update(batch_size=5, threads=2)), {}),
    ("the size of micro-batches", config(lambda c: c["students"]["training"].update(micro_batch_size=1)), {}),
    ("steps between checkpoints", config(lambda c: c["students"]["training"].update(save_steps=7)), {}),
    ("number of nodes", options("--jobs", "3", "--cores", "1"), {}),
    ("partitions and account", other_cluster, {}),
    (
        "GPUs, memory and time of a model",
        yaml_file("config/models.yaml", lambda models: models["tiny-m"].update(gpus=2, mem_mb=9000, runtime=30)),
        {},
    ),
    (
        "kinds of nodes, GPUs of training and CPU cores of a model",
        yaml_file(
            "config/models.yaml",
            lambda models: models["tiny-m"].update(
                gpus=2, train_gpus=1, pipeline_parallel=2, cpus=4, partition="a", gpu_type="b", constraint="c", qos="d"
            ),
        ),
        {},
    ),
    (
        "the engine",
        choose_vllm,
        {
            **{"recognise_vllm": 14, "distil": 2, "gather_predictions": 10, "parse_predictions": 10, "score": 8},
            **{"audit": 2, "audit_table": 1, "table": 5, "cost": 1},
            **ANSWERS,
        },
    ),
    (
        "what tables say of a model",
        yaml_file("config/models.yaml", lambda models: models["tiny-m"].update(license="MIT", stand_in="a stand-in")),
        {"score": 6, "table": 5, **PRESENTATION},
    ),
    (
        "the reading of lost answers",
        config(lambda c: c["metrics"].update(lost_answers="precision")),
        {"score": 8, "table": 5, **PRESENTATION},
    ),
    (
        "a table's title",
        config(lambda c: c["tables"]["scaling"].update(title="F1 by size")),
        {"table": 1, "report": 1, "all": 1},
    ),
    (
        "a table's columns",
        config(lambda c: c["tables"]["scaling"].update(columns=["recogniser", "dataset", "macro_f1"])),
        {"table": 1, "report": 1, "all": 1},
    ),
    ("files touched, as in a fresh clone", touch_all, {}),
    ("project moved", move_project, {}),
    ("working directory moved", move_run, {}),
    ("the program of a cheap rule", append_line("workflow_scripts/claims.py"), {"claims": 1, "all": 1}),
    (
        "a module that cheap rules share",
        append_line("workflow_scripts/hearth/evaluation/metrics.py"),
        {"score": 8, "table": 5, "audit_table": 1, **PRESENTATION},
    ),
    (
        "a module of the claims",
        append_line("workflow_scripts/hearth/evaluation/claims/table.py"),
        {"claims": 1, "report": 1, "all": 1},
    ),
    (
        "a module of the audit",
        append_line("workflow_scripts/hearth/evaluation/trace_checks.py"),
        {"audit": 2, "audit_table": 1, "report": 1, "all": 1},
    ),
    (
        "a module of the figures",
        append_line("workflow_scripts/hearth/evaluation/figures/f1_by_size.py"),
        {"figure": 6, "report": 1, "all": 1},
    ),
    (
        "the report's template",
        append_line("workflow_scripts/hearth/evaluation/report.html.j2", line="<!-- edited -->"),
        {"copy_project_file": 1, "report": 1, "all": 1},
    ),
    (
        "the script of the window browser",
        append_line("workflow_scripts/hearth/evaluation/window_browser.js", line="// edited"),
        {"copy_project_file": 1, "window_browser": 1, "all": 1},
    ),
    (
        "the sample of the window browser",
        config(lambda c: c.update(window_browser={"windows": 5})),
        {"window_browser": 1, "all": 1},
    ),
    ("a comment in a module", append_line("workflow_scripts/hearth/evaluation/metrics.py", line="# A remark."), {}),
    (
        "programs and modules of the GPU rules",
        append_line(
            "workflow_scripts/recognise.py",
            "workflow_scripts/distil.py",
            "workflow_scripts/hearth/engines/transformers.py",
            "workflow_scripts/hearth/distillation/training.py",
        ),
        {},
    ),
]


@pytest.mark.parametrize(("change", "edit", "reruns"), MATRIX, ids=[change for change, *_ in MATRIX])
def test_a_change_reruns_exactly_the_jobs_that_it_decides(project, record_property, change, edit, reruns):
    arguments = edit(project) or ()
    site = cluster(project.repository / "site", account="hearth", cpu_partition="cpu", gpu_partition="gpu")
    jobs, cluster_jobs = project.plan("all", *arguments), project.plan("all", *site, *arguments)
    assert jobs == cluster_jobs
    if "window_dataset" in jobs:
        # The number of windows to recognise is known only after they have been cut.
        windowing = project.plan("results/datasets/sim-marble/splits.json", *arguments)
        project.run("results/datasets/sim-marble/splits.json", *arguments)
        jobs = windowing | project.plan("all", *arguments)
    record_property("reruns", (change, jobs))
    assert jobs == reruns


def test_students_of_gold_labels_wait_for_no_teacher(project):
    students = project.config["students"] | {"groups": {"right": {"recipes": ["gold-labels"]}}}
    project.configure(project.config | {"students": students})
    planned = project.plan("results/students/tiny-s_gold-labels_sim-marble/fold1/training_log.json", "--forceall")
    assert planned["distil"] == 1
    assert "gather_predictions" not in planned


def test_an_edit_of_the_audit_repeats_no_training_that_reads_it(project):
    groups = {"audited": {"recipes": ["audited"]}}
    project.configure(project.config | {"students": project.config["students"] | {"groups": groups}})
    student = project.directory / "results/students/tiny-s_audited_sim-marble/fold1"
    files = ("adapter/adapter_model.safetensors", "adapter/adapter_config.json", "training_log.json", "model_card.md")
    for file in (*files, "training.stats.json"):
        (student / file).parent.mkdir(parents=True, exist_ok=True)
        (student / file).touch()
    trained = str((student / files[0]).relative_to(project.directory))
    assert project.plan(trained) == {}
    append_line("workflow_scripts/hearth/evaluation/trace_checks.py")(project)
    assert project.plan(trained) == {"audit": 1}


TRAINED = "results/students/tiny-s_{}/fold1/adapter/adapter_model.safetensors"


def record_training(project, *students):
    """Write empty files of students, and let Snakemake record them as trained with the config of now."""
    adapters = [TRAINED.format(student) for student in students]
    for adapter in adapters:
        folder = (project.directory / adapter).parents[1]
        (folder / "adapter").mkdir(parents=True, exist_ok=True)
        names = ("adapter/adapter_model.safetensors", "adapter/adapter_config.json")
        for name in (*names, "training_log.json", "model_card.md", "training.stats.json"):
            (folder / name).touch()
    project.run("--touch", "--forcerun", "distil", "--", *adapters)


def planned_trainings(project, *students):
    """Return the set of those of `students` that a dry run trains."""
    output = project.run("--dry-run", *(TRAINED.format(student) for student in students))
    return set(re.findall(r"Distilling tiny-s_(\S+), fold 1", output))


@pytest.mark.parametrize(
    ("is_one_of_all", "retrained"),
    [(False, {"some"}), (True, {"some", "all", "all-but-sim-marble", "all-but-sim-mural"})],
    ids=["added to one group", "added to one group and to all"],
)
def test_a_home_added_to_a_group_retrains_only_the_students_that_learn_from_it(project, is_one_of_all, retrained):
    students = project.config["students"]
    training = students["training"] | {"max_examples": None}
    homes = {"trained_on": ["some", "pair", "all", "others"]}
    groups = {name: ["sim-marble", "sim-mural"] for name in ("some", "pair")}
    settings = {"dataset_groups": groups, "students": students | {"training": training, "groups": {"homes": homes}}}
    project.configure(project.config | settings)
    sets = ("some", "pair", "all", "all-but-sim-marble", "all-but-sim-mural")
    names = [f"reasoning_{name}" for name in ("sim-marble", *sets)]
    record_training(project, *names)
    assert planned_trainings(project, *names) == set()
    groups["pair"].reverse()
    third = {"source": "mural", "home": "mural", "simulate": {"seed": 9, "sessions": 2}, "all": is_one_of_all}
    groups["some"].append("third")
    project.configure(project.config | {"datasets": project.config["datasets"] | {"third": third}})
    assert planned_trainings(project, *names) == {f"reasoning_{name}" for name in retrained}


def test_another_balance_retrains_the_students_of_several_homes(project):
    training = project.config["students"]["training"] | {"max_examples": None}
    students = project.config["students"] | {"training": training, "groups": {"homes": {"trained_on": ["all"]}}}
    project.configure(project.config | {"students": students})
    record_training(project, "reasoning_sim-marble", "reasoning_all")
    training["balance"] = "home"
    project.configure(project.config)
    assert planned_trainings(project, "reasoning_sim-marble", "reasoning_all") == {"reasoning_all"}
