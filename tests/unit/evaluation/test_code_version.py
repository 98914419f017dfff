import shutil
import subprocess

import pytest
from hearth.evaluation import code_version
from hearth.evaluation.code_version import git_commit


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Copy code_version.py into a folder, at its path in the project; return a function that runs git there."""
    module = tmp_path / "project" / "workflow_scripts" / "hearth" / "evaluation" / "code_version.py"
    module.parent.mkdir(parents=True)
    shutil.copy(code_version.__file__, module)
    monkeypatch.setattr(code_version, "__file__", str(module))
    for name in ("GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)

    def git(*arguments):
        identity = ("-c", "user.name=T", "-c", "user.email=t@example.org")
        command = ["git", "-C", tmp_path / "project", *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git.root = tmp_path / "project"
    return git


def test_commit_is_unknown_outside_git(checkout):
    assert git_commit() == "unknown"


def test_commit_is_unknown_in_somebody_elses_repository(checkout):
    subprocess.run(["git", "init", "-q", checkout.root.parent], check=True)
    assert git_commit() == "unknown"


def test_commit_is_unknown_without_git(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_commit() == "unknown"


def test_commit_names_changes(checkout):
    checkout("init", "-q")
    checkout("add", ".")
    checkout("commit", "-q", "-m", "All")
    commit = checkout("rev-parse", "HEAD")
    assert git_commit() == commit
    (checkout.root / "new.yaml").write_text("a: 1\n")
    assert git_commit() == f"{commit}+changes"
