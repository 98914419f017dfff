"""The rerun matrix: what each change reruns, in exact numbers of jobs, on this machine and on SLURM."""

import os
import shutil

import pytest
import yaml
from repository import REPOSITORY
from snakemake_runs import Workflow, slurm_profile, small_config

DATA = ("simulate_home", "load_dataset", "window_dataset")
SHOWN = {"claims": 1, "figure": 5, "report": 1, "provenance": 1, "all": 1}


def config(change):
    """A change of the run's config."""

    def make(workflow):
        changed = small_config()
        change(changed)
        workflow.configure(changed)

    return make


def shown_too(name, **more):
    """A change of the config by `more`, whose recognisers, called `name`, one table then shows."""

    def change(config):
        config |= more
        config["tables"]["scaling"]["select"].append({"recognisers": name})

    return change


def line(*names, added="EDITED = True"):
    """One more line in files of the project."""

    def make(workflow):
        for name in names:
            with (workflow.repository / name).open("a") as file:
                file.write(f"\n{added}\n")

    return make


def yaml_of(name, change):
    """A change of a YAML file of the project."""

    def make(workflow):
        path = workflow.repository / name
        value = yaml.safe_load(path.read_text())
        change(value)
        path.write_text(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))

    return make


def options(*arguments):
    """Other options of Snakemake."""
    return lambda workflow: arguments


def cluster(folder, **site) -> tuple[str, ...]:
    """Options that plan for a site's cluster; planning asks nothing of it, so none need be there.

    Without conda, as the finished run was made: where programs come from does decide results.
    """
    profile = slurm_profile(folder, **site, scratch="scratch")
    return "--profile", str(profile), "--software-deployment-method", "env-modules"


def other_cluster(workflow):
    """Another account and other partitions."""
    return cluster(workflow.repository / "other", account="other", cpu_partition="long", gpu_partition="h100")


def touched(workflow):
    """New times for everything, in an order of chance, as a fresh clone has them."""
    for path in workflow.repository.rglob("*.*"):
        os.utime(path)


def moved(workflow):
    """The whole project, the run inside, elsewhere."""
    elsewhere = workflow.repository.parent / "elsewhere"
    shutil.move(workflow.repository, elsewhere)
    workflow.directory, workflow.repository = elsewhere / "run", elsewhere


def moved_run(workflow):
    """The working directory alone, to another place as seen from the project."""
    deeper = workflow.repository.parent / "scratch" / "deeper" / "run"
    deeper.parent.mkdir(parents=True)
    shutil.move(workflow.directory, deeper)
    workflow.directory = deeper


# Change, how it is made, and how many jobs of which rules then run.
MATRIX = [
    (
        "one home's label rule",
        yaml_of("config/homes/marble.yaml", lambda home: home["rules"].append("Someone in the bathroom washes.")),
        {
            **dict.fromkeys(("copy_project_file", *DATA, "render_prompt", "distil"), 1),
            **{"recognise": 12, "gather_predictions": 6, "parse_predictions": 6, "score": 5, "table": 3, "cost": 1},
            **{"audit": 1, "audit_table": 1},
            **SHOWN,
        },
    ),
    ("a comment in a home", line("config/homes/marble.yaml", added="# A remark."), {}),
    (
        "one model added",
        config(lambda c: c["models"].append("tiny-l")),
        {
            **{"fetch_model": 1, "recognise": 4, "gather_predictions": 2, "parse_predictions": 2, "score": 2},
            **{"table": 1, "cost": 1},
            **SHOWN,
        },
    ),
    (
        "a decoding value",
        config(lambda c: c["decoding"].update(max_new_tokens=97)),
        {
            **{"recognise": 20, "distil": 2, "gather_predictions": 10, "parse_predictions": 10, "score": 8},
            **{"audit": 2, "audit_table": 1, "table": 3, "cost": 1},
            **SHOWN,
        },
    ),
    (
        "a setting of the prompt",
        config(lambda c: c["prompt"].update(rules=False)),
        {
            "render_prompt": 2,
            **{"recognise": 20, "distil": 2, "gather_predictions": 10, "parse_predictions": 10, "score": 8},
            **{"audit": 2, "audit_table": 1, "table": 3, "cost": 1},
            **SHOWN,
        },
    ),
    (
        "one training seed added",
        config(lambda c: c["students"].update(seeds=[0, 5])),
        {
            **{"distil": 2, "recognise": 8, "gather_predictions": 4, "parse_predictions": 4, "score": 4},
            **{"table": 2, "cost": 1},
            **SHOWN,
        },
    ),
    (
        "the number format of training",
        config(lambda c: c["students"].update(dtype="bfloat16")),
        {
            **{"distil": 2, "recognise": 8, "gather_predictions": 4, "parse_predictions": 4, "score": 4},
            **{"table": 2, "cost": 1},
            **SHOWN,
        },
    ),
    (
        "a variant added, with a prompt of its own",
        config(shown_too("curt", variants={"curt": {"of": "bases", "prompt": {"reasoning": "none"}}})),
        {
            **{"render_prompt": 2, "recognise": 4, "gather_predictions": 2, "parse_predictions": 2, "score": 2},
            **{"table": 1, "cost": 1},
            **SHOWN,
        },
    ),
    (
        "a baseline added",
        config(shown_too("baselines", baselines=["majority"])),
        {
            **{"recognise": 4, "gather_predictions": 2, "parse_predictions": 2, "score": 2},
            **{"table": 1, "cost": 1},
            **SHOWN,
        },
    ),
    (
        "a group of students added that no table shows",
        config(lambda c: c["students"].update(groups={"few": {"max_examples": [5]}})),
        {},
    ),
    ("shard size", config(lambda c: c["engine"].update(shard_size=3)), {}),
    ("batch size and threads", config(lambda c: c["engine"].update(batch_size=5, threads=2)), {}),
    ("number of nodes", options("--jobs", "3", "--cores", "1"), {}),
    ("partitions and account", other_cluster, {}),
    (
        "GPUs, memory and time of a model",
        yaml_of("config/models.yaml", lambda models: models["tiny-m"].update(gpus=2, mem_mb=9000, runtime=30)),
        {},
    ),
    (
        "what tables say of a model",
        yaml_of("config/models.yaml", lambda models: models["tiny-m"].update(license="MIT", stand_in="a stand-in")),
        {"score": 6, "table": 3, **SHOWN},
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
    ("files touched, as in a fresh clone", touched, {}),
    ("project moved", moved, {}),
    ("working directory moved", moved_run, {}),
    ("the program of a cheap rule", line("workflow_scripts/claims.py"), {"claims": 1, "all": 1}),
    (
        "a module that cheap rules share",
        line("workflow_scripts/hearth/evaluation/metrics.py"),
        {"score": 8, "table": 3, **SHOWN},
    ),
    (
        "a module of the claims",
        line("workflow_scripts/hearth/evaluation/claims.py"),
        {"claims": 1, "report": 1, "all": 1},
    ),
    (
        "a module of the audit",
        line("workflow_scripts/hearth/evaluation/trace_checks.py"),
        {"audit": 2, "audit_table": 1, "report": 1, "all": 1},
    ),
    (
        "a module of the figures",
        line("workflow_scripts/hearth/evaluation/figures/sizes.py"),
        {"figure": 5, "report": 1, "all": 1},
    ),
    (
        "the report's template",
        line("workflow_scripts/hearth/evaluation/report.html.j2", added="<!-- edited -->"),
        {"copy_project_file": 1, "report": 1, "all": 1},
    ),
    ("a comment in a module", line("workflow_scripts/hearth/evaluation/metrics.py", added="# A remark."), {}),
    (
        "programs and modules of the GPU rules",
        line(
            "workflow_scripts/recognise.py",
            "workflow_scripts/distil.py",
            "workflow_scripts/hearth/engines/transformers.py",
            "workflow_scripts/hearth/distillation/training.py",
        ),
        {},
    ),
]


@pytest.fixture
def project(undisturbed, tmp_path) -> Workflow:
    """A copy of the project with the finished run inside, as `make demo` has it."""
    copy = tmp_path / "project"
    for folder in ("config", "demo/models", "profiles", "report", "rules", "envs", "workflow_scripts"):
        shutil.copytree(REPOSITORY / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "Snakefile", copy)
    shutil.copytree(undisturbed.directory, copy / "run")
    return Workflow(copy / "run", small_config(), repository=copy)


@pytest.mark.parametrize(("change", "make", "reruns"), MATRIX, ids=[change for change, *_ in MATRIX])
def test_a_change_reruns_exactly_what_it_decides(project, record_property, change, make, reruns):
    arguments = make(project) or ()
    on_slurm = cluster(project.repository / "site", account="hearth", cpu_partition="cpu", gpu_partition="gpu")
    here, there = project.planned("all", *arguments), project.planned("all", *on_slurm, *arguments)
    assert here == there
    if "window_dataset" in here:
        # How many windows there are to recognise is known once they are cut.
        windows = project.planned("results/datasets/sim-marble/shards.json", *arguments)
        project.run("results/datasets/sim-marble/shards.json", *arguments)
        here = windows | project.planned("all", *arguments)
    record_property("reruns", (change, here))
    assert here == reruns


def test_students_of_gold_labels_wait_for_no_teacher(project):
    students = project.config["students"] | {"groups": {"right": {"recipes": ["gold-labels"]}}}
    project.configure(project.config | {"students": students})
    planned = project.planned("results/students/tiny-s_gold-labels_sim-marble/training_log.json", "--forceall")
    assert planned["distil"] == 1
    assert "gather_predictions" not in planned


def test_an_edit_of_the_audit_repeats_no_training_that_reads_it(project):
    groups = {"audited": {"recipes": ["audited"]}}
    project.configure(project.config | {"students": project.config["students"] | {"groups": groups}})
    student = project.directory / "results/students/tiny-s_audited_sim-marble"
    files = ("adapter/adapter_model.safetensors", "adapter/adapter_config.json", "training_log.json", "model_card.md")
    for file in (*files, "training.stats.json"):
        (student / file).parent.mkdir(parents=True, exist_ok=True)
        (student / file).touch()
    trained = str((student / files[0]).relative_to(project.directory))
    assert project.planned(trained) == {}
    line("workflow_scripts/hearth/evaluation/trace_checks.py")(project)
    assert project.planned(trained) == {"audit": 1}
