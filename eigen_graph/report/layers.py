"""A layered layout (Sugiyama's): boxes in rows, lines between rows, and nothing on top of anything else.

Rows of boxes and rows of labels alternate. A line that passes a row has a place in it like a box has, so that it meets
neither a box nor another line's label; it only bends between the rows.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP = 22.0
"""Between neighbours of a row."""
ROW_GAP = 18.0
"""Between rows: room for lines to bend."""
LABEL_HEIGHT = 16.0
_LANE = 6.0
"""Width of a line's place in a row."""
_ORDERINGS = 12
_STRAIGHT = 3.0
"""How much rather a line is straight beside a row than at a box; at both ends beside a row, the square of it."""
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """Where a node is."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Link:
    """A line from one node to another."""

    source: str
    target: str
    label: str
    back: bool
    """It leads back up."""
    parts: tuple[tuple[Point, ...], ...]
    """From source to target; in two parts where its label is between them. A straight piece joins the points of a row,
    a bend those of two rows."""
    label_at: Point
    """The label's middle."""


@dataclass(frozen=True)
class Layout:
    """A whole drawing."""

    boxes: dict[str, Box]
    links: tuple[Link, ...]
    width: float
    height: float


@dataclass
class _Place:
    """Something in a row: a box, or a line that passes."""

    row: int
    width: float
    height: float
    beside: float = 0.0
    """Room that is kept on either side of it."""
    passes: bool = False
    """It is a line's."""
    x: float = 0.0
    up: list[_Place] = field(default_factory=list)
    down: list[_Place] = field(default_factory=list)

    @property
    def half(self) -> float:
        """Half of the room it takes."""
        return self.width / 2 + self.beside


@dataclass
class _Lane:
    """A line with its places from its upper end to its lower one."""

    upper: str
    lower: str
    label: str
    back: bool
    places: list[_Place]


def layout(
    sizes: Mapping[str, Point],
    edges: Sequence[tuple[str, str, str]],
    label_width: Mapping[str, float],
    beside: Mapping[str, float],
) -> Layout:
    """Lay out a graph from its first node downwards.

    Args:
        sizes: Width and height of each node, the first one on top.
        edges: Source, target and label; no two from one node to the same other. None leads from a node to itself.
        label_width: Of each label.
        beside: Room to be kept on either side of some nodes.
    """
    back = set(_leading_back(list(sizes), edges))
    forward = [(b, a) if (a, b) in back else (a, b) for a, b, _ in edges]
    ranks = _ranks(list(sizes), forward)
    boxes = {name: _Place(2 * ranks[name], *size, beside.get(name, 0.0)) for name, size in sizes.items()}
    lanes = [_lane(edge, boxes, back, label_width) for edge in edges]
    rows: list[list[_Place]] = [[] for _ in range(1 + max(place.row for place in boxes.values()))]
    for place in (*boxes.values(), *(place for lane in lanes for place in lane.places)):
        rows[place.row].append(place)
    _put_in_order(rows)
    _put_in_place(rows)
    return _drawn(rows, boxes, lanes)


def _leading_back(names: Sequence[str], edges: Sequence[tuple[str, str, str]]) -> Iterator[tuple[str, str]]:
    """The edges that close a loop, on a walk from the first node in the order of the edges."""
    ways: dict[str, list[str]] = defaultdict(list)
    for source, target, _ in edges:
        ways[source].append(target)
    done: set[str] = set()
    for root in names:
        path: set[str] = {root}
        stack = [(root, iter(ways[root]))]
        while stack and root not in done:
            name, rest = stack[-1]
            for target in rest:
                if target in path:
                    yield name, target
                elif target not in done:
                    path.add(target)
                    stack.append((target, iter(ways[target])))
                    break
            else:
                stack.pop()
                path.remove(name)
                done.add(name)


def _ranks(names: Sequence[str], forward: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The longest way to each node; those that lead nowhere are all at the end."""
    ranks = dict.fromkeys(names, 0)
    for _ in names:
        for source, target in forward:
            ranks[target] = max(ranks[target], ranks[source] + 1)
    last = max(ranks.values())
    leading = {source for source, _ in forward}
    return {name: rank if name in leading else last for name, rank in ranks.items()}


def _lane(
    edge: tuple[str, str, str],
    boxes: Mapping[str, _Place],
    back: set[tuple[str, str]],
    width: Mapping[str, float],
) -> _Lane:
    source, target, label = edge
    leads_back = (source, target) in back
    upper, lower = (target, source) if leads_back else (source, target)
    rows = range(boxes[upper].row + 1, boxes[lower].row)
    at = rows[-1] if leads_back else rows[0]  # beside where it comes from
    places = [
        _Place(row, width.get(label, 0.0) if row == at else _LANE, LABEL_HEIGHT * (row % 2), passes=True)
        for row in rows
    ]
    chain = [boxes[upper], *places, boxes[lower]]
    for one, other in pairwise(chain):
        one.down.append(other)
        other.up.append(one)
    return _Lane(upper, lower, label, leads_back, places)


def _put_in_order(rows: list[list[_Place]]) -> None:
    """Order every row so that few lines cross: by the middle of what each place is joined to (barycentres)."""
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for turn in range(_ORDERINGS):
        downwards = turn % 2 == 0
        for row in rows if downwards else rows[::-1]:
            nears = {id(place): at for one in rows for at, place in enumerate(one)}
            middle = {
                id(place): sum(nears[id(near)] for near in joined) / len(joined) if joined else nears[id(place)]
                for place in row
                for joined in [place.up if downwards else place.down]
            }
            row.sort(key=lambda place: middle[id(place)])  # sorted at once
        if (count := _crossings(rows)) < fewest:
            best, fewest = [list(row) for row in rows], count
    rows[:] = best


def _crossings(rows: Sequence[Sequence[_Place]]) -> int:
    count = 0
    for row, below in pairwise(rows):
        at = {id(place): number for number, place in enumerate(below)}
        seen: list[int] = []
        for place in row:
            ends = sorted(at[id(near)] for near in place.down)
            count += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return count


def _put_in_place(rows: Sequence[Sequence[_Place]]) -> None:
    """The places that make the lines as straight as the order and the gaps of the rows let them.

    The sum of all lines' sideways ways is as small as can be (a linear program), those of passing lines counted most.
    """
    from scipy.optimize import linprog  # noqa: PLC0415  # SciPy takes most of a second
    from scipy.sparse import csr_array  # noqa: PLC0415

    places = [place for row in rows for place in row]
    at = {id(place): number for number, place in enumerate(places)}
    lines = [(place, other) for place in places for other in place.down]
    size = len(places) + len(lines)  # where each place is, and how far each line goes sideways
    entries: list[tuple[int, int, float]] = []
    bounds: list[float] = []

    def at_most(bound: float, *terms: tuple[int, float]) -> None:
        entries.extend((len(bounds), column, factor) for column, factor in terms)
        bounds.append(bound)

    for row in rows:
        for one, other in pairwise(row):
            at_most(-(one.half + other.half + GAP), (at[id(one)], 1.0), (at[id(other)], -1.0))
    for number, (one, other) in enumerate(lines, len(places)):
        for sign in (1.0, -1.0):
            at_most(0.0, (at[id(one)], sign), (at[id(other)], -sign), (number, -1.0))
    pulls = [_STRAIGHT ** (one.passes + other.passes) for one, other in lines]
    down, across, factors = zip(*entries, strict=True)
    matrix = csr_array((factors, (down, across)), shape=(len(bounds), size))
    goal = [0.0] * len(places) + pulls
    found = linprog(goal, A_ub=matrix, b_ub=bounds, bounds=(0, None))  # type: ignore[call-overload]  # sparse will do
    for place, x in zip(places, found.x, strict=False):
        place.x = float(x)


def _drawn(rows: Sequence[Sequence[_Place]], boxes: Mapping[str, _Place], lanes: Sequence[_Lane]) -> Layout:
    left = min(place.x - place.half for row in rows for place in row) - GAP
    width = max(place.x + place.half for row in rows for place in row) + GAP - left
    for row in rows:
        for place in row:
            place.x -= left
    heights = [max((place.height for place in row), default=LABEL_HEIGHT) for row in rows]
    tops, top = [], ROW_GAP
    for height in heights:
        tops.append(top)
        top += height + ROW_GAP
    found = {
        name: Box(
            place.x - place.width / 2,
            tops[place.row] + (heights[place.row] - place.height) / 2,
            place.width,
            place.height,
        )
        for name, place in boxes.items()
    }
    ports = _ports(boxes, lanes)
    links = tuple(
        _link(lane, found, (ports[at, "upper"], ports[at, "lower"]), list(zip(tops, heights, strict=True)))
        for at, lane in enumerate(lanes)
    )
    return Layout(found, links, width, top)


def _ports(boxes: Mapping[str, _Place], lanes: Sequence[_Lane]) -> dict[tuple[int, str], float]:
    """Where each line meets its boxes, side by side in the order of where it comes from."""
    sides: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for at, lane in enumerate(lanes):
        sides[lane.upper, "lower"].append((lane.places[0].x, at))
        sides[lane.lower, "upper"].append((lane.places[-1].x, at))
    found = {}
    for (name, side), ends in sides.items():
        step = min(24.0, boxes[name].width / (len(ends) + 1))
        for number, (_, at) in enumerate(sorted(ends)):
            end = "upper" if side == "lower" else "lower"  # of the line
            found[at, end] = boxes[name].x + (number - (len(ends) - 1) / 2) * step
    return found


def _link(
    lane: _Lane, boxes: Mapping[str, Box], ports: tuple[float, float], bands: Sequence[tuple[float, float]]
) -> Link:
    """A line through its places.

    Args:
        lane: The line.
        boxes: Where the nodes are.
        ports: Where it meets the upper and the lower node.
        bands: Top and height of each row.
    """
    above, below = boxes[lane.upper], boxes[lane.lower]
    parts: list[list[Point]] = [[(ports[0], above.top + above.height)]]
    labelled = lane.places[-1] if lane.back else lane.places[0]
    for place in lane.places:
        top, height = bands[place.row]
        parts[-1].append((place.x, top))
        if place is labelled and lane.label:
            parts.append([])
        parts[-1].append((place.x, top + height))
    parts[-1].append((ports[1], below.top))
    top, height = bands[labelled.row]
    source, target = (lane.lower, lane.upper) if lane.back else (lane.upper, lane.lower)
    if lane.back:
        parts = [part[::-1] for part in reversed(parts)]
    return Link(source, target, lane.label, lane.back, tuple(map(tuple, parts)), (labelled.x, top + height / 2))
