"""Write a local conda channel whose packages are links to the distributions of the running interpreter."""

import hashlib
import io
import json
import re
import sys
import tarfile
from importlib.metadata import Distribution, distribution
from pathlib import Path, PurePosixPath

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# From a package's name on conda-forge to its name on PyPI, where they differ.
PYPI_NAMES = {"matplotlib-base": "matplotlib"}
# Python runs this at the start of every program; it appends the command line to a file in the environment.
SITECUSTOMIZE = """\
import sys
with open(f"{sys.prefix}/programs.txt", "a") as programs:
    programs.write(f"no_user_site={sys.flags.no_user_site} {' '.join(sys.orig_argv)}\\n")
"""


def read_specs(environment_file: Path) -> dict[str, str]:
    """Return a dict from package to version spec (`=3.11`, `==2.13.0` or ''), packages of `pip:` included."""
    specs = []
    for dependency in yaml.safe_load(environment_file.read_text())["dependencies"]:
        specs += dependency["pip"] if isinstance(dependency, dict) else [dependency]
    pairs = (re.fullmatch(r"([\w.-]+)(.*)", spec).groups() for spec in specs)
    return {canonicalize_name(PYPI_NAMES.get(name, name)): version for name, version in pairs}


def build_channel(folder: Path, environment_files: list[Path]) -> None:
    """Write a channel into `folder` with python, the packages of the files, and their dependencies."""
    records = [_wrap_python(folder)]
    waiting = {name for file in environment_files for name in read_specs(file)} - {"python"}
    wrapped = set()
    while waiting:
        name = waiting.pop()
        wrapped.add(name)
        installed = distribution(name)
        needs = _requirements(installed)
        records.append(_wrap(name, installed, needs, folder))
        waiting |= needs.keys() - wrapped
    for subdir in ("noarch", "linux-64"):
        packages = {record.pop("fn"): record for record in records if record["subdir"] == subdir}
        (folder / subdir / "repodata.json").write_text(json.dumps({"info": {"subdir": subdir}, "packages": packages}))


def _requirements(installed: Distribution) -> dict[str, str]:
    """Return the version specifier of every installed requirement of a distribution, extras excluded.

    Requirements that `make setup` deliberately does not install are skipped: the distribution works without them.
    """
    requirements = [Requirement(text) for text in installed.requires or []]
    applicable = [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    return {
        canonicalize_name(requirement.name): str(requirement.specifier)
        for requirement in applicable
        if any(Distribution.discover(name=requirement.name))
    }


def _wrap(name: str, installed: Distribution, needs: dict[str, str], folder: Path) -> dict:
    """Write a package that links to a distribution's folders and modules and has its scripts; return its record."""
    tops = {PurePosixPath(file).parts[0] for file in installed.files} - {"..", "__pycache__"}
    links = {f"site-packages/{top}": str(installed.locate_file(top)) for top in sorted(tops)}
    scripts = [f"{e.name} = {e.value.split('[')[0]}" for e in installed.entry_points.select(group="console_scripts")]
    index = {
        "name": name,
        "version": Version(installed.version).public,
        "depends": [f"python {PYTHON}.*", *(f"{need} {version}".strip() for need, version in needs.items())],
        "noarch": "python",
        "subdir": "noarch",
    }
    link = {"noarch": {"type": "python", "entry_points": scripts}, "package_metadata_version": 1}
    return _write(folder, index, links, {}, {"info/link.json": json.dumps(link)})


def _wrap_python(folder: Path) -> dict:
    """Write this interpreter as a package, and return its record.

    As in a virtual environment, python is a link, and pyvenv.cfg makes the environment its prefix.
    """
    home = Path(sys.base_prefix) / "bin"
    links = {f"bin/{name}": str(home / f"python{PYTHON}") for name in ("python", "python3", f"python{PYTHON}")}
    files = {
        "pyvenv.cfg": f"home = {home}\ninclude-system-site-packages = false\n",
        f"lib/python{PYTHON}/site-packages/sitecustomize.py": SITECUSTOMIZE,
    }
    version = ".".join(map(str, sys.version_info[:3]))
    return _write(folder, {"name": "python", "version": version, "depends": [], "subdir": "linux-64"}, links, files, {})


def _write(folder: Path, index: dict, links: dict[str, str], files: dict[str, str], info: dict[str, str]) -> dict:
    """Write a package; return its record in the channel's index."""
    index = {"build": "0", "build_number": 0, **index}
    paths = [{"_path": path, "path_type": "softlink"} for path in links]
    paths += [{"_path": path, "path_type": "hardlink"} for path in files]
    info = {
        "info/index.json": json.dumps(index),
        "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}),
        **info,
    }
    package = folder / index["subdir"] / f"{index['name']}-{index['version']}-0.tar.bz2"
    package.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(package, "w:bz2") as archive:
        for path, text in {**info, **files}.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
        for path, target in links.items():
            member = tarfile.TarInfo(path)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    return {**index, "fn": package.name, "sha256": digest, "size": package.stat().st_size}
