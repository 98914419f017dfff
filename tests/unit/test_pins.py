"""One version of a package everywhere: Makefile, requirements.txt, constraints.txt and the conda environments."""

import re
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([A-Za-z0-9_.-]+)={1,2}([0-9][A-Za-z0-9.]*)$", re.MULTILINE)


def pins(text: str) -> dict[str, str]:
    return {name.lower().replace("_", "-"): version for name, version in PIN.findall(text)}


def environment(path: Path) -> dict[str, str]:
    lines = []
    for dependency in yaml.safe_load(path.read_text())["dependencies"]:
        lines += dependency["pip"] if isinstance(dependency, dict) else [dependency]
    # conda-forge calls matplotlib without its windows matplotlib-base.
    return {name.removesuffix("-base"): version for name, version in pins("\n".join(lines)).items()}


@pytest.fixture(scope="module")
def ours() -> dict[str, str]:
    makefile = pins("\n".join((REPOSITORY / "Makefile").read_text().split()))
    return {**makefile, **pins((REPOSITORY / "requirements.txt").read_text())}


def test_every_requirement_has_an_exact_version():
    lines = [line for line in (REPOSITORY / "requirements.txt").read_text().splitlines() if line]
    assert all(line.startswith("#") or PIN.match(line) for line in lines)


@pytest.mark.parametrize("name", ["analysis", "llm"])
def test_a_conda_environment_has_the_versions_that_make_installs(ours, name):
    pinned = environment(REPOSITORY / "envs" / f"{name}.yaml")
    assert pinned.pop("python").startswith("3.")
    assert len(pinned) > 5
    assert pinned == {package: ours[package] for package in pinned}


def test_the_constraints_allow_the_requirements(ours):
    constraints = pins((REPOSITORY / "constraints.txt").read_text())
    shared = constraints.keys() & ours.keys()
    assert len(shared) > 10
    assert {name: constraints[name] for name in shared} == {name: ours[name] for name in shared}
