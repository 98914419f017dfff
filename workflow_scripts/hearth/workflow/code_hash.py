"""What a program's code is, apart from comments, blank lines and where it lies.

Cheap rules carry this as a param, so that editing a program or a module that it imports reruns them;
rules that need a GPU do not, so that no edit of code ever repeats a day of work by itself.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2]


@cache
def code_digest(program: str, scripts: Path = SCRIPTS) -> str:
    """First 12 hex digits of the SHA-256 over a program's syntax tree and those of all hearth modules it imports."""
    hasher = hashlib.sha256()
    for path in sorted(_closure(scripts / f"{program}.py", scripts)):
        syntax, _ = _parsed(path.read_text(encoding="utf-8"))
        hasher.update(f"{path.relative_to(scripts)}\0{syntax}\0".encode())
    return hasher.hexdigest()[:12]


@cache
def _parsed(text: str) -> tuple[str, tuple[tuple[int, str], ...]]:
    """(syntax tree, imported names, each behind how many packages up it is looked for) of a module's text.

    Every start of Snakemake asks for those of all modules, many times over.
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
    """`ast.dump` without empty fields: versions of Python differ in which of them they have, and name."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value is not None and value != [])
        return f"{type(node).__name__}({', '.join(f'{name}={_dump(value)}' for name, value in fields)})"
    return f"[{', '.join(map(_dump, node))}]" if isinstance(node, list) else repr(node)


def _closure(program: Path, scripts: Path) -> set[Path]:
    found, waiting = set(), [program]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_imports(path, scripts))
    return found


def _imports(path: Path, scripts: Path):
    """Files of the hearth modules that `path` imports, packages' `__init__` included."""
    _, names = _parsed(path.read_text(encoding="utf-8"))
    for level, name in names:
        above = path.relative_to(scripts).with_suffix("").parts[:-level] if level else ()
        parts = [*above, *name.split(".")]
        if parts[0] != "hearth":
            continue
        for depth in range(1, len(parts) + 1):
            module = scripts.joinpath(*parts[:depth])
            yield from (file for file in (module.with_suffix(".py"), module / "__init__.py") if file.is_file())
