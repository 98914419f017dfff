"""Run Hearth from a folder with a blank, and with the profiles of shared/cases/public/a-profiles."""

import os
import subprocess
import sys

import pytest
from cases_folder import CASES, needs_cases
from repository import REPOSITORY

pytestmark = needs_cases
PROFILES = CASES / "public" / "a-profiles"
TARGET = "results/models/tiny-s/snapshot.json"


def run(command, folder):
    """Return the exit status and the output of a command in a folder."""
    path = os.pathsep.join([str(PROFILES / "fake-slurm-bin"), os.path.dirname(sys.executable), os.environ["PATH"]])
    ended = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=300
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_a_checkout_in_a_folder_with_a_blank_runs(tmp_path):
    checkout = tmp_path / "x y" / "hearth"
    clone = ["git", "clone", "--quiet", "--depth", "1", f"file://{REPOSITORY}", str(checkout)]
    assert run(clone, tmp_path)[0] == 0
    arguments = ["--directory", "demo", "--configfile", "config/demo.yaml", "--cores", "1", TARGET]
    status, output = run(["snakemake", *arguments], checkout)
    assert status == 0, output[-3000:]
    assert (checkout / "demo" / TARGET).is_file()


@pytest.mark.parametrize(
    ("profile", "reason"), [("no", "quot"), ("space", "blank"), ("under", "quot"), ("zero", "quot")]
)
def test_an_account_that_yaml_changes_or_the_shell_splits_is_refused(profile, reason, tmp_path):
    scratch = tmp_path / "scratch"
    text = (PROFILES / profile / "config.yaml").read_text(encoding="utf-8").replace("PATH ", f"{scratch} ")
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile" / "config.yaml").write_text(text, encoding="utf-8")
    arguments = ["--profile", str(tmp_path / "profile"), "--sdm", "env-modules", "--configfile", "config/demo.yaml"]
    status, output = run(["snakemake", TARGET, "--dry-run", *arguments], REPOSITORY)
    assert status != 0
    assert "account" in output
    assert reason in output
    assert "Traceback" not in output


def test_every_case_of_places_is_tried():
    assert {path.name for path in (CASES / "public").glob("a-*")} == {"a-path-with-space", "a-profiles"}
    assert {path.parent.name for path in PROFILES.glob("*/config.yaml")} == {"no", "space", "under", "zero"}
