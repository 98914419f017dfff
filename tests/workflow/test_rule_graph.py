"""Check that the drawing of the rule graph in docs/ is up to date."""

from hearth.workflow.rule_graph import draw_graph, read_rules
from repository import REPOSITORY


def test_the_drawing_in_docs_is_current(reference_run):
    dot = reference_run.run("--rulegraph", "dot", "--", "all")
    drawing = draw_graph(dot, read_rules(REPOSITORY / "Snakefile"))
    assert drawing == (REPOSITORY / "docs" / "rulegraph.svg").read_text(encoding="utf-8"), "run: make rulegraph"
