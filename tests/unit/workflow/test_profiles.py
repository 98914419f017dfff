"""Check that a comment explains each key of a profile, and that settings that are known to lose jobs are not used."""

import re
from itertools import pairwise

import pytest
import yaml
from repository import REPOSITORY

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
        "serve",
        "distil",
        "check_node",
        "export_student",
        "check_export",
    }
    assert local < named


def test_either_slurm_or_snakemake_reruns_a_lost_job_not_both():
    cluster = profile("slurm")
    assert [bool(cluster.get(key)) for key in ("slurm-requeue", "slurm-no-requeue")].count(True) == 1
    assert "slurm-array-jobs" not in cluster
    assert "keep-incomplete" not in cluster


@pytest.mark.parametrize("name", [name for name in NAMES if name != "default"])
def test_no_key_is_set_in_two_profiles_that_apply_together(name):
    assert not profile(name).keys() & profile("default").keys()
