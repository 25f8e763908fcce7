"""A workflow as SVG: from its start down to where an instance is accepted or rejected, outcomes on the lines."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from eigen_graph.graphs.workflow import ACCEPT, REJECT, START, NodeSpec, WorkflowSpec
from eigen_graph.report.layers import Box, Layout, Link, Point, layout

_WIDE, _NARROW = 7.4, 6.4
"""Width of a character of a name and of small print, at most, in pixels."""
_LINE, _EDGE = 16.0, 12.0
_LOOP = 26.0
"""Room for a line from a node to itself."""
_MOST_CHARACTERS = 28
_ARROW = 4.0
_STRAIGHT = 0.5
_ENDS = {START: "start", ACCEPT: "accept", REJECT: "reject"}


def draw(spec: WorkflowSpec, before: WorkflowSpec | None = None, *, title: str = "workflow") -> str:
    """A workflow as an SVG element, to stand in a page.

    Everything is drawn in `currentColor`; classes (`wf-node`, `wf-new`, `wf-changed`, `wf-edge`, `wf-back`, ...) let a
    style sheet say more. What it shows is told in words too, for those who cannot see it.

    Args:
        spec: What to draw.
        before: What it came from: nodes that are new or have other numbers are marked.
        title: Read aloud first.
    """
    labels: dict[tuple[str, str], list[str]] = defaultdict(list)
    for edge in spec.edges:
        labels[edge.source, edge.target].append(edge.outcome)
    edges = [(source, target, ", ".join(filter(None, told))) for (source, target), told in labels.items()]
    loops = {source: label for source, target, label in edges if source == target}
    lines = {name: _lines(name, spec.nodes.get(name), before) for name in (START, *spec.nodes, ACCEPT, REJECT)}
    rest = [edge for edge in edges if edge[0] != edge[1]]
    found = layout(
        {name: _size(told) for name, told in lines.items()},
        rest,
        {label: _text_width(label) for *_, label in rest},
        {name: _LOOP + _text_width(label) for name, label in loops.items()},
    )
    nodes = (
        part
        for name, box in found.boxes.items()
        for part in _node(name, box, lines[name], _classes(name, spec, before), loops.get(name))
    )
    return "".join(
        [*_head(spec, found, title), *(part for link in found.links for part in _edge(link)), *nodes, "</svg>"]
    )


def _head(spec: WorkflowSpec, found: Layout, title: str) -> Iterator[str]:
    width, height = _number(found.width), _number(found.height)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" class="wf" role="img" viewBox="0 0 {width} {height}"'
    yield f' width="{width}" height="{height}" font-size="13" fill="none" stroke="currentColor">'
    yield f"<title>{_text(title)}</title><desc>{_text(' '.join(_told(spec)))}</desc>"


def _node(name: str, box: Box, lines: list[str], classes: str, loop: str | None) -> Iterator[str]:
    round_, bold = (box.height / 2, ' font-weight="400"') if name in _ENDS else (7.0, ' font-weight="600"')
    stroke = ' stroke-width="2.5"' if "wf-new" in classes or "wf-changed" in classes else ""
    yield f'<g class="{classes}" data-node="{_text(name)}"><title>{_text(_ENDS.get(name, name))}</title>'
    yield f'<rect x="{_number(box.left)}" y="{_number(box.top)}" width="{_number(box.width)}" '
    yield f'height="{_number(box.height)}" rx="{_number(round_)}"{stroke}/>'
    top = box.top + (box.height - _LINE * len(lines)) / 2 + _LINE * 0.75
    for number, line in enumerate(lines):
        small = ' class="wf-small" font-size="11" opacity="0.75"' if number else bold
        yield f'<text x="{_number(box.left + box.width / 2)}" y="{_number(top + _LINE * number)}" text-anchor="middle" '
        yield f'stroke="none" fill="currentColor"{small}>{_text(line)}</text>'
    yield "</g>"
    if loop is not None:
        yield from _loop(name, box, loop)


def _edge(link: Link) -> Iterator[str]:
    dashes = ' stroke-dasharray="5 4"' if link.back else ""
    yield f'<g class="wf-edge{" wf-back" if link.back else ""}" data-from="{_text(link.source)}" '
    yield f'data-to="{_text(link.target)}" data-outcome="{_text(link.label)}">'
    for part in link.parts:
        yield f'<path d="{_path(part)}"{dashes}/>'
    x, y = link.parts[-1][-1]
    tip = -2 * _ARROW if not link.back else 2 * _ARROW
    yield _arrow((x, y), (x - _ARROW, y + tip), (x + _ARROW, y + tip))
    yield f"{_label(link.label, link.label_at)}</g>"


def _loop(name: str, box: Box, label: str) -> Iterator[str]:
    """A line from a node to itself, on its right."""
    right, upper, lower = box.left + box.width, box.top + box.height * 0.25, box.top + box.height * 0.75
    out = _number(right + _LOOP)
    yield f'<g class="wf-edge wf-back" data-from="{_text(name)}" data-to="{_text(name)}" data-outcome="{_text(label)}">'
    yield f'<path d="M{_number(right)},{_number(lower)} C{out},{_number(lower)} {out},{_number(upper)} '
    yield f'{_number(right)},{_number(upper)}" stroke-dasharray="5 4"/>'
    yield _arrow((right, upper), (right + 2 * _ARROW, upper - _ARROW), (right + 2 * _ARROW, upper + _ARROW))
    yield f"{_label(label, (right + _LOOP + _text_width(label) / 2, box.top + box.height / 2))}</g>"


def _path(points: tuple[Point, ...]) -> str:
    """Straight where two points are above one another, else a bend that leaves and arrives upright."""
    drawn = [f"M{_number(points[0][0])},{_number(points[0][1])}"]
    for (x, y), (to_x, to_y) in pairwise(points):
        middle = _number((y + to_y) / 2)
        end = f"{_number(to_x)},{_number(to_y)}"
        drawn.append(
            f"L{end}" if abs(x - to_x) < _STRAIGHT else f"C{_number(x)},{middle} {_number(to_x)},{middle} {end}"
        )
    return " ".join(drawn)


def _arrow(*points: Point) -> str:
    told = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
    return f'<polygon class="wf-arrow" fill="currentColor" points="{told}"/>'


def _label(label: str, at: Point) -> str:
    if not label:
        return ""
    return (
        f'<text class="wf-label" x="{_number(at[0])}" y="{_number(at[1] + 4)}" text-anchor="middle" font-size="11" '
        f'stroke="none" fill="currentColor">{_text(label)}</text>'
    )


def _lines(name: str, node: NodeSpec | None, before: WorkflowSpec | None) -> list[str]:
    """What stands in a box."""
    if node is None:
        return [_ENDS[name]]
    old = before.nodes.get(name) if before else node
    told: list[str] = [node.kind] if name != node.kind else []
    told += [f"prompt {_cut(node.prompt)}"] if node.prompt else []
    told += [
        f"visits {node.visits}" if old is None or old.visits == node.visits else f"visits {old.visits} → {node.visits}"
    ]
    if old is None:
        told.insert(0, "new")
    elif old != node and old.visits == node.visits:
        told.insert(0, "changed")
    return [_cut(name), " · ".join(told)]


def _classes(name: str, spec: WorkflowSpec, before: WorkflowSpec | None) -> str:
    if name in _ENDS:
        return f"wf-node wf-{_ENDS[name]}"
    node = spec.nodes[name]
    old = before.nodes.get(name) if before else node
    mark = " wf-new" if old is None else " wf-changed" if old != node else ""
    return f"wf-node wf-kind-{node.kind}{mark}"


def _told(spec: WorkflowSpec) -> Iterator[str]:
    """The workflow in sentences."""
    yield f"It starts at {spec.entry}."
    for name, node in spec.nodes.items():
        ways = ", ".join(f"{outcome} leads to {target}" for outcome, target in spec.targets(name).items())
        kind = f" ({node.kind})" if name != node.kind else ""
        yield f"{name}{kind}, at most {node.visits} visit{'' if node.visits == 1 else 's'}: {ways}."


def _size(lines: list[str]) -> Point:
    name, *small = lines
    width = max(_WIDE * len(name), *(_NARROW * len(line) for line in small), 40.0) + 2 * _EDGE
    return width, _LINE * len(lines) + _EDGE


def _text_width(label: str) -> float:
    return _NARROW * len(label) + 8 if label else 0.0


def _cut(name: str) -> str:
    return name if len(name) <= _MOST_CHARACTERS else f"{name[: _MOST_CHARACTERS - 1]}…"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(text: str) -> str:
    """Text of any origin as XML: escaped, without characters that XML cannot hold."""
    return html.escape("".join(char if char.isprintable() else " " for char in text))
