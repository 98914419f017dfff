"""Compute a digest of a program's code that ignores comments, blank lines and the folder that holds the project.

The rules of cheap jobs have the digest as a param, so that an edit of a program, or of a module that it imports, reruns
its jobs. The rules of GPU jobs do not have it, so that no edit of code repeats a day of work by itself.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2]


@cache
def code_digest(program: str, scripts: Path = SCRIPTS) -> str:
    """Return 12 hex digits of a SHA-256 over the syntax trees of a program and of the hearth modules it imports."""
    hasher = hashlib.sha256()
    for path in sorted(source_files(scripts / f"{program}.py", scripts)):
        syntax, _ = _parsed(path.read_text(encoding="utf-8"))
        hasher.update(f"{path.relative_to(scripts)}\0{syntax}\0".encode())
    return hasher.hexdigest()[:12]


@cache
def _parsed(text: str) -> tuple[str, tuple[tuple[int, str], ...]]:
    """Return a pair for a module's source: its syntax tree as text, and a (level, name) pair for each of its imports.

    Level 0 is an absolute import. Results are cached, because a start of Snakemake needs the same modules many times.
    """
    tree = ast.parse(text)
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names += [(node.level, f"{module}.{alias.name}".strip(".")) for alias in node.names]
    return _dump(tree), tuple(names)


def _dump(node: object) -> str:
    """Return a text like `ast.dump` without empty fields, because versions of Python differ in those."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value is not None and value != [])
        return f"{type(node).__name__}({', '.join(f'{name}={_dump(value)}' for name, value in fields)})"
    return f"[{', '.join(map(_dump, node))}]" if isinstance(node, list) else repr(node)


def source_files(program: Path, scripts: Path) -> set[Path]:
    """Return `program` and the files of all hearth modules that it imports, directly or not."""
    files, waiting = set(), [program]
    while waiting:
        path = waiting.pop()
        if path not in files:
            files.add(path)
            waiting.extend(_imported_files(path, scripts))
    return files


def _imported_files(path: Path, scripts: Path) -> Iterator[Path]:
    """Yield the files of the hearth modules that `path` imports, the `__init__.py` of packages among them."""
    _, names = _parsed(path.read_text(encoding="utf-8"))
    for level, name in names:
        above = path.relative_to(scripts).with_suffix("").parts[:-level] if level else ()
        parts = [*above, *name.split(".")]
        if parts[0] != "hearth":
            continue
        for depth in range(1, len(parts) + 1):
            module = scripts.joinpath(*parts[:depth])
            yield from (file for file in (module.with_suffix(".py"), module / "__init__.py") if file.is_file())
