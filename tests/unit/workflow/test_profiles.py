"""Check the project's profiles, and that a profile's names for SLURM that YAML or Python changes are refused."""

import re
from itertools import pairwise

import pytest
import yaml
from hearth.workflow.profiles import given_profiles, profile_problems, resource_problems
from repository import REPOSITORY
from snakemake.cli import get_argument_parser
from snakemake.resources import Resources
from snakemake_runs import slurm_profile

PROFILES = REPOSITORY / "profiles"
NAMES = sorted(path.parent.name for path in PROFILES.glob("*/config.yaml"))


def profile(name: str) -> dict:
    return yaml.safe_load((PROFILES / name / "config.yaml").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_every_value_has_its_reason_beside_or_above_it(name):
    lines = (PROFILES / name / "config.yaml").read_text().splitlines()
    for above, line in pairwise(lines):
        if re.match(r" *[a-z_-]+: ", line):
            assert "#" in line or above.lstrip().startswith("#"), line


def test_only_rules_that_run_recognisers_or_check_nodes_are_cluster_jobs():
    rules = "".join(file.read_text() for file in (REPOSITORY / "rules").glob("*.smk"))
    blocks = re.findall(r"^localrules:\n((?:    \w+,\n)+)", rules, re.MULTILINE)
    local = {name for block in blocks for name in re.findall(r"\w+", block)}
    named = set(re.findall(r"^(?:rule|checkpoint) (\w+):", rules, re.MULTILINE)) - {"no_such_target"}
    assert named - local == {
        "recognise",
        "recognise_baseline",
        "recognise_transfer_baseline",
        "serve",
        "log_probabilities",
        "distil",
        "check_node",
        "export_student",
        "check_export",
        "check_quantised",
        "check_direct",
        "measure_export",
        "measure_baseline",
    }
    assert local < named


def test_either_slurm_or_snakemake_reruns_a_lost_job_not_both():
    cluster = profile("slurm")
    assert [bool(cluster.get(key)) for key in ("slurm-requeue", "slurm-no-requeue")].count(True) == 1
    assert "slurm-array-jobs" not in cluster
    assert "keep-incomplete" not in cluster


@pytest.mark.parametrize("name", [name for name in NAMES if name != "default"])
def test_no_key_is_set_in_two_profiles_that_apply_together(name):
    shared = profile(name).keys() & profile("default").keys()
    assert {key for key in shared if not key.startswith("__")} == set()  # the others are YTE's, not Snakemake's


SITE = {"account": "proj", "cpu_partition": "cpu", "gpu_partition": "gpu", "scratch": "/scratch/me"}


@pytest.mark.parametrize(
    ("key", "written", "read"),
    [
        ("account", "2023_101", "the number 2023101"),
        ("account", "0012345", "the number 5349"),
        ("account", "NO", "false"),
        ("account", "on", "true"),
        ("account", "12:30:00", "the number 45000"),
        ("account", "0x1F", "the number 31"),
        ("account", "1.50", "the number 1.5"),
        ("account", "~", "nothing"),
        ("account", "2024-01-31", "the date 2024-01-31"),
        ("cpu_partition", "0777", "the number 511"),
        ("gpu_partition", "Off", "false"),
        ("scratch", "2_0", "the number 20"),
    ],
)
def test_a_name_that_yaml_changes_is_refused_with_the_way_to_write_it(tmp_path, key, written, read):
    (problem,) = profile_problems(slurm_profile(tmp_path / "p", **SITE | {key: written}) / "config.yaml")
    assert problem.startswith(f"{tmp_path / 'p' / 'config.yaml'}:")
    assert f": __variables__.{key}: YAML reads {written} as {read}; put it in quotes: {key}: '{written}'" in problem
    assert profile_problems(slurm_profile(tmp_path / "q", **SITE | {key: f"'{written}'"}) / "config.yaml") == []


@pytest.mark.parametrize("value", ["my group", "'my group'", "[a, b]", "{a: b}"])
def test_an_account_of_two_words_is_refused_and_a_scratch_of_two_is_not(tmp_path, value):
    assert len(profile_problems(slurm_profile(tmp_path / "p", **SITE | {"account": value}) / "config.yaml")) == 1
    scratch = profile_problems(slurm_profile(tmp_path / "q", **SITE | {"scratch": value}) / "config.yaml")
    assert len(scratch) == (value[0] in "[{")


def test_values_are_checked_wherever_a_profile_of_ones_own_has_them(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(
        "__use_yte__: true\n__variables__:\n  who: 0123\n  many: 0100\njobs: ?many\nslurm-qos: NO\nretries: 0o2\n"
        "keep-going: yes\ndirectory: 0_1\ndefault-resources:\n  slurm_account: ?str(who)\n  mem_mb: 1_000\n"
        "  qos: 010\n  constraint: a100 & nvlink\n"
        "set-resources:\n  distil:\n    slurm_partition: 0099\n    runtime: 060\n"
    )
    read = [problem.removeprefix(f"{file}:").partition(": YAML")[0] for problem in profile_problems(file)]
    assert read == [
        "3: __variables__.who",
        "6: slurm-qos",
        "9: directory",
        "13: default-resources.qos",
        # 0099 is no octal number: YAML reads it as text.
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_projects_profiles_have_no_problem(name):
    assert profile_problems(PROFILES / name / "config.yaml") == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2023_101", "2023101"),
        ("0012345", "12345"),
        ("2023-101", "1922"),
        ("all", "built-in function"),
        ("1e5", "100000"),
    ],
)
def test_a_resource_that_python_changes_is_refused(written, read):
    resources = Resources.parse([f"slurm_account={written}", "mem_mb=0100"], allow_expressions=True)
    (problem,) = resource_problems(resources, "default-resources")
    assert problem.startswith("default-resources: slurm_account: ")
    assert read in problem
    quoted = Resources.parse([f"slurm_account='{written}'"], allow_expressions=True)
    assert resource_problems(quoted, "default-resources") == []


@pytest.mark.parametrize("written", ["project-7", "a.b", "'--x=1 --y'", "gpu"])
def test_a_resource_that_snakemake_keeps_as_text_is_accepted(written):
    resources = Resources.parse([f"slurm_extra={written}", "slurm_partition=cpu,gpu"], allow_expressions=True)
    assert resource_problems(resources, "default-resources") == []


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, ["profiles/default"]),
        (["--profile", "mine", "all"], {}, ["mine", "profiles/default"]),
        (["--profile=mine/config.yaml"], {"SNAKEMAKE_PROFILE": "other"}, ["mine", "profiles/default"]),
        (["--cores", "1"], {"SNAKEMAKE_PROFILE": "other"}, ["other", "profiles/default"]),
        (["--profile", "mine", "--profile", "other"], {}, ["mine", "other", "profiles/default"]),
        (["--profile", "none", "--workflow-profile", "none"], {"SNAKEMAKE_PROFILE": "other"}, []),
        (["--workflow-profile", "other", "--", "--profile", "mine"], {}, ["other"]),
        (["--workflow-profile", "slurm"], {}, ["profiles/slurm"]),
    ],
)
def test_the_profiles_are_those_that_snakemake_reads(tmp_path, arguments, environment, expected):
    for name in ("mine", "other", "profiles/default", "profiles/slurm"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.yaml").write_text("cores: 1\n")
    get_argument_parser().parse_args(arguments)
    files = given_profiles(arguments, environment, tmp_path, tmp_path)
    assert files == [tmp_path / name / "config.yaml" for name in expected]
