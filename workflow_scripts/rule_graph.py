"""Draw the rule graph of a run as SVG: snakemake --rulegraph dot -- all | python workflow_scripts/rule_graph.py ..."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hearth.common.cli import run
from hearth.common.files import write_text
from hearth.workflow.rule_graph import draw_graph, read_rules


def main(argv: Sequence[str] | None = None) -> None:
    """Read Snakemake's graph from standard input and write the drawing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snakefile", type=Path, required=True, help="the Snakefile whose rules are drawn")
    parser.add_argument("--out", type=Path, required=True, help="SVG to write")
    arguments = parser.parse_args(argv)
    write_text(arguments.out, draw_graph(sys.stdin.read(), read_rules(arguments.snakefile)))


if __name__ == "__main__":
    run(main)
