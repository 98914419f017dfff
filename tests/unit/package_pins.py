"""Read the pinned versions of packages, and the packages that a program imports."""

import ast
import re
import sys
from importlib.metadata import packages_distributions

from hearth.workflow.code_hash import SCRIPTS, source_files
from packaging.utils import canonicalize_name

PIN = re.compile(r"^([A-Za-z0-9_.-]+)={1,2}([0-9][A-Za-z0-9.]*)$", re.MULTILINE)


def pins(text: str) -> dict[str, str]:
    """Return a dict from package to version of the lines that pin one."""
    return {canonicalize_name(name): version for name, version in PIN.findall(text)}


class WithoutTypeChecking(ast.NodeTransformer):
    """Remove the blocks `if TYPE_CHECKING:` from a syntax tree, because their imports do not happen at run time."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        is_type_checking = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return None if is_type_checking else self.generic_visit(node)


def imported(program: str) -> set[str]:
    """Return the names on PyPI of the packages that a program or a hearth module behind it imports directly."""
    modules = set()
    for path in source_files(SCRIPTS / f"{program}.py", SCRIPTS):
        for node in ast.walk(WithoutTypeChecking().visit(ast.parse(path.read_text()))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(node.module.split(".")[0])
    distributions = packages_distributions()
    modules -= sys.stdlib_module_names | {"hearth"}
    return {canonicalize_name(distributions.get(module, [module])[0]) for module in modules}
