"""Test which edits of a program, or of the modules that it imports, change its code digest."""

import shutil

import pytest
from hearth.workflow import code_hash
from hearth.workflow.code_hash import SCRIPTS, code_digest

SOURCES = {
    "program.py": "import json\nfrom hearth.helper import double\n\ndef main():\n    return double(json.loads('1'))\n",
    "other.py": "import hearth.package.inner\n",
    "hearth/__init__.py": '"""All."""\n',
    "hearth/helper.py": "from hearth import deep\n\ndef double(x):\n    return deep.twice(x)\n",
    "hearth/deep.py": "def twice(x):\n    return 2 * x\n",
    "hearth/unrelated.py": "X = 1\n",
    "hearth/package/__init__.py": "Y = 1\n",
    "hearth/package/inner.py": "from . import sibling\n",
    "hearth/package/sibling.py": "Z = 1\n",
}


@pytest.fixture
def scripts(tmp_path):
    for name, text in SOURCES.items():
        path = tmp_path / "scripts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "scripts"


def fresh(program, scripts):
    code_digest.cache_clear()
    return code_digest(program, scripts)


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("program.py", "def main():", "# why\n\n\ndef main():  # so"),
        ("hearth/deep.py", "return 2 * x", "return (2\n            * x)"),
        ("hearth/unrelated.py", "1", "2"),
        ("hearth/package/__init__.py", "1", "2"),
    ],
)
def test_edits_that_keep_the_digest(scripts, name, old, new):
    before = fresh("program", scripts)
    edit(scripts / name, old, new)
    assert fresh("program", scripts) == before


@pytest.mark.parametrize(
    ("program", "name", "old", "new"),
    [
        ("program", "program.py", "'1'", "'2'"),
        ("program", "hearth/helper.py", "deep.twice(x)", "deep.twice(x) + 1"),
        ("program", "hearth/deep.py", "2 * x", "3 * x"),
        ("program", "hearth/__init__.py", "All", "Everything"),
        ("other", "hearth/package/__init__.py", "1", "2"),
        ("other", "hearth/package/inner.py", "sibling", "sibling as s"),
        ("other", "hearth/package/sibling.py", "1", "2"),
    ],
)
def test_edits_that_change_the_digest(scripts, program, name, old, new):
    before = fresh(program, scripts)
    edit(scripts / name, old, new)
    assert fresh(program, scripts) != before


def test_the_place_of_the_files_does_not_matter(scripts, tmp_path):
    before = fresh("program", scripts)
    moved = shutil.copytree(scripts, tmp_path / "elsewhere" / "b")
    assert fresh("program", moved) == before


def test_the_order_of_imports_does_not_matter(scripts, monkeypatch):
    before = fresh("program", scripts)
    imported_files = code_hash._imported_files
    monkeypatch.setattr(code_hash, "_imported_files", lambda *arguments: reversed(list(imported_files(*arguments))))
    assert fresh("program", scripts) == before


def test_renaming_a_module_changes_the_digest(scripts):
    before = fresh("program", scripts)
    (scripts / "hearth/deep.py").rename(scripts / "hearth/depth.py")
    edit(scripts / "hearth/helper.py", "from hearth import deep\n", "from hearth import depth as deep\n")
    assert fresh("program", scripts) != before


def test_every_program_has_its_own_digest():
    programs = sorted(path.stem for path in SCRIPTS.glob("*.py"))
    digests = {fresh(program, SCRIPTS) for program in programs}
    assert len(digests) == len(programs) > 5
    assert all(len(digest) == 12 for digest in digests)


def test_versions_of_python_agree(scripts):
    # Versions differ in the empty fields of their syntax trees. Python 3.11, 3.12 and 3.13 give these digests.
    assert (fresh("program", scripts), fresh("other", scripts)) == ("58e9140a7e65", "23d1b2541109")
