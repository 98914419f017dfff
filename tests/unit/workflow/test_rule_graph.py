"""Test the drawing of a rule graph: its edges, its layers, and that equal graphs give equal bytes."""

import pytest
from hearth.workflow.rule_graph import Rules, assign_layers, draw_graph, parse_edges, read_rules, split_edges

ORDER = ["load", "fetch", "recognise", "gather", "distil", "score"]
EDGES = {
    ("load", "recognise"),
    ("fetch", "recognise"),
    ("recognise", "gather"),
    ("load", "gather"),
    ("gather", "distil"),
    ("fetch", "distil"),
    ("distil", "recognise"),
    ("gather", "score"),
}


def to_dot(edges, names):
    numbers = {name: number for number, name in enumerate(names)}
    nodes = [
        f'\t{number}[label = "{name}", color = "0.1 0.6 0.85", style="rounded"];' for name, number in numbers.items()
    ]
    return "\n".join(["digraph snakemake_dag {", *nodes, *(f"\t{numbers[a]} -> {numbers[b]}" for a, b in edges), "}"])


def test_edges_are_read_from_snakemakes_output():
    assert parse_edges("Building DAG of jobs...\n" + to_dot(EDGES, ORDER)) == EDGES
    with pytest.raises(ValueError, match="snakemake --rulegraph dot"):
        parse_edges("")


def test_implied_edges_are_left_out_and_an_edge_against_the_order_is_a_backward_edge():
    forward, backward = split_edges(EDGES, ORDER)
    assert backward == {("distil", "recognise")}
    assert EDGES - forward - backward == {("load", "gather"), ("fetch", "distil")}


def test_a_rule_stands_below_all_that_it_reads_and_a_source_just_above_its_reader():
    forward = {("load", "window"), ("window", "recognise"), ("fetch", "recognise")}
    layers = assign_layers(forward, ["load", "window", "fetch", "recognise"])
    assert layers == {"load": 0, "window": 1, "fetch": 1, "recognise": 2}


def test_equal_graphs_give_equal_bytes_whatever_their_numbers():
    rules = Rules(ORDER, frozenset({"load", "fetch", "gather", "score"}))
    drawings = {
        draw_graph(to_dot(edges, names), rules)
        for edges, names in ((sorted(EDGES), ORDER), (sorted(EDGES, reverse=True), ORDER[::-1]))
    }
    (drawing,) = drawings
    assert all(f">{name}</text>" in drawing for name in ORDER)
    assert drawing.count("stroke-dasharray") == 1
    assert drawing.count("#cfe3f7") == 2


def test_rules_are_read_in_the_order_of_the_includes(tmp_path):
    (tmp_path / "a.smk").write_text("localrules:\n    first,\n\n\nrule first:\ncheckpoint second:\n")
    (tmp_path / "b.smk").write_text("rule third:\n")
    (tmp_path / "Snakefile").write_text('include: "a.smk"\ninclude: "b.smk"\n\nrule all:\n')
    assert read_rules(tmp_path / "Snakefile") == Rules(["first", "second", "third", "all"], frozenset({"first"}))
