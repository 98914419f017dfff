"""Draw the graph of a workflow's rules as SVG, in layers from input to output, without a layout program.

Equal graphs give equal bytes. The viewer's fonts draw the text, so the SVG depends on no font of this machine.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

BOX_WIDTH, BOX_HEIGHT = 150, 28
COLUMN_WIDTH, ROW_HEIGHT, MARGIN = 170, 64, 20
SWEEPS = 8  # passes over the layers that reduce crossings

Edge = tuple[str, str]  # (rule that makes a file, rule that reads it)

_NODE = re.compile(r'^\s*(\d+)\[label = "(\w+)"', re.MULTILINE)
_EDGE = re.compile(r"^\s*(\d+) -> (\d+)$", re.MULTILINE)
_INCLUDE = re.compile(r'^include: "(.+)"$', re.MULTILINE)
_RULE = re.compile(r"^(?:rule|checkpoint) (\w+):$", re.MULTILINE)
_LOCAL_RULES = re.compile(r"^localrules:\n((?:    \w+,\n)+)", re.MULTILINE)


@dataclass(frozen=True)
class Rules:
    """Names of the rules of a Snakefile, in the order of their definition, and of those that never are cluster jobs."""

    names: list[str]
    local: frozenset[str]


def read_rules(snakefile: Path) -> Rules:
    """Read the rules of a Snakefile and of the files it includes."""
    text = snakefile.read_text(encoding="utf-8")
    parts = [(snakefile.parent / name).read_text(encoding="utf-8") for name in _INCLUDE.findall(text)]
    names = [name for part in [*parts, text] for name in _RULE.findall(part)]
    blocks = [block for part in [*parts, text] for block in _LOCAL_RULES.findall(part)]
    return Rules(names, frozenset(name for block in blocks for name in re.findall(r"\w+", block)))


def parse_edges(dot: str) -> set[Edge]:
    """Return the edges in the output of `snakemake --rulegraph dot`. Raises ValueError if it has none."""
    labels = dict(_NODE.findall(dot))
    edges = {(labels[start], labels[end]) for start, end in _EDGE.findall(dot)}
    if not edges:
        raise ValueError("no rules in the input; it must be the output of snakemake --rulegraph dot")
    return edges


def split_edges(edges: Iterable[Edge], order: Sequence[str]) -> tuple[set[Edge], set[Edge]]:
    """Return a pair: the edges that run forward in `order`, in which the rules are defined, and the backward edges.

    A forward edge that a longer path implies is left out. Backward edges close a cycle of rules: a student, the output
    of training, is used for recognition again.
    """
    place = {name: position for position, name in enumerate(order)}
    edges = set(edges)
    backward = {(start, end) for start, end in edges if place[start] > place[end]}
    readers: dict[str, set[str]] = {name: set() for name in order}
    for start, end in edges - backward:
        readers[start].add(end)
    reachable: dict[str, set[str]] = {}
    for name in reversed(order):
        reachable[name] = readers[name].union(*(reachable[reader] for reader in readers[name]))
    forward = {
        (name, reader)
        for name in order
        for reader in readers[name]
        if not any(reader in reachable[other] for other in readers[name] - {reader})
    }
    return forward, backward


def assign_layers(forward: Iterable[Edge], order: Sequence[str]) -> dict[str, int]:
    """Return a dict from each rule to its layer, 0 at the top.

    A rule is below all rules whose output it reads. A rule that reads no output is just above its highest reader.
    """
    makers: dict[str, set[str]] = {}
    readers: dict[str, set[str]] = {}
    for start, end in forward:
        makers.setdefault(end, set()).add(start)
        readers.setdefault(start, set()).add(end)
    layers: dict[str, int] = {}
    for name in order:
        if name in makers or name in readers:
            layers[name] = max((layers[maker] + 1 for maker in makers.get(name, ())), default=0)
    for name in reversed(order):
        if name in layers and name not in makers:
            layers[name] = min(layers[reader] for reader in readers[name]) - 1
    top = min(layers.values())
    return {name: layer - top for name, layer in layers.items()}


def place_columns(forward: Iterable[Edge], layers: Mapping[str, int]) -> tuple[dict[str, float], dict[Edge, list[str]]]:
    """Return two dicts: from each point to its column, and from each edge to its points from start to end.

    A point is the name of a rule, or a bend: the place where an edge crosses a layer between its two rules. The points
    of a layer are ordered by the mean column of their neighbours, so that few edges cross.
    """
    paths: dict[Edge, list[str]] = {}
    rows: list[list[str]] = [[] for _ in range(max(layers.values()) + 1)]
    for name, layer in layers.items():
        rows[layer].append(name)
    neighbours: dict[str, list[str]] = {name: [] for name in layers}
    for start, end in sorted(forward):
        bends = [f"{start}>{end}>{layer}" for layer in range(layers[start] + 1, layers[end])]
        for bend in bends:
            rows[int(bend.rpartition(">")[2])].append(bend)
            neighbours[bend] = []
        paths[start, end] = [start, *bends, end]
        for upper, lower in zip(paths[start, end], paths[start, end][1:], strict=False):
            neighbours[upper].append(lower)
            neighbours[lower].append(upper)
    columns = {point: float(position) for row in rows for position, point in enumerate(row)}
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 else reversed(rows):
            means = {
                point: sum(columns[other] for other in neighbours[point]) / len(neighbours[point]) for point in row
            }
            row.sort(key=lambda point: (means[point], point))
            columns.update({point: position - (len(row) - 1) / 2 for position, point in enumerate(row)})
    return columns, paths


def draw_graph(dot: str, rules: Rules) -> str:
    """Return the SVG text of the rule graph `dot`, which Snakemake printed in Graphviz's format."""
    forward, backward = split_edges(parse_edges(dot), rules.names)
    layers = assign_layers(forward, rules.names)
    columns, paths = place_columns(forward, layers)
    left = min(columns.values())
    width = round((max(columns.values()) - left) * COLUMN_WIDTH + BOX_WIDTH + 2 * MARGIN)
    height = max(layers.values()) * ROW_HEIGHT + BOX_HEIGHT + 2 * MARGIN

    def centre(point: str) -> tuple[float, float]:
        layer = layers[point] if point in layers else int(point.rpartition(">")[2])
        x = MARGIN + BOX_WIDTH / 2 + (columns[point] - left) * COLUMN_WIDTH
        return x, MARGIN + BOX_HEIGHT / 2 + layer * ROW_HEIGHT

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="sans-serif" font-size="13">',
        "<title>Rules of Hearth in the order data flows</title>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#666"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    lines += [_draw_path([centre(point) for point in path]) for _, path in sorted(paths.items())]
    lines += [_draw_return(centre(start), centre(end)) for start, end in sorted(backward)]
    lines += [_draw_box(name, *centre(name), local=name in rules.local) for name in layers]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _draw_path(points: Sequence[tuple[float, float]]) -> str:
    """Return the SVG of an edge through `points`, from box to box, with a smooth bend at each layer that it crosses."""
    (x, y), *rest = points
    y += BOX_HEIGHT / 2
    path = f"M{x:.0f} {y:.0f}"
    for index, (next_x, next_y) in enumerate(rest):
        if index == len(rest) - 1:
            next_y -= BOX_HEIGHT / 2
        middle = (y + next_y) / 2
        path += f" C{x:.0f} {middle:.0f} {next_x:.0f} {middle:.0f} {next_x:.0f} {next_y:.0f}"
        x, y = next_x, next_y
    return f'<path d="{path}" fill="none" stroke="#666" stroke-width="1.3" marker-end="url(#arrow)"/>'


def _draw_return(start: tuple[float, float], end: tuple[float, float]) -> str:
    """Return the SVG of a backward edge: a dashed line on the outer side of both boxes."""
    side = 1 if start[0] >= end[0] else -1
    (x, y), (end_x, end_y) = start, end
    x, end_x = x + side * BOX_WIDTH / 2, end_x + side * BOX_WIDTH / 2
    turn = (max(x, end_x) if side > 0 else min(x, end_x)) + side * COLUMN_WIDTH / 4
    path = f"M{x:.0f} {y:.0f} C{turn:.0f} {y:.0f} {turn:.0f} {end_y:.0f} {end_x:.0f} {end_y:.0f}"
    return (
        f'<path d="{path}" fill="none" stroke="#666" stroke-width="1.3" stroke-dasharray="5 3"'
        ' marker-end="url(#arrow)"/>'
    )


def _draw_box(name: str, x: float, y: float, *, local: bool) -> str:
    """Return the SVG of a rule's box, which is darker if the rule's jobs run on cluster nodes."""
    fill = "#f2f2f2" if local or name == "all" else "#cfe3f7"
    return (
        f'<rect x="{x - BOX_WIDTH / 2:.0f}" y="{y - BOX_HEIGHT / 2:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}"'
        f' rx="6" fill="{fill}" stroke="#444"/>'
        f'<text x="{x:.0f}" y="{y + 4.5:.1f}" text-anchor="middle">{escape(name)}</text>'
    )
