"""A table of counts as streams: each number goes from its row to its column, and at every node as much comes in as goes
out. Whoever knows only some of the numbers can shift the others along any closed way through them.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

EASY = 10  # a way with more room than this is no better


@dataclass
class Arc:
    """A number of the table. It may lie anywhere from `least` to `most`; it counts some of the people in `of`."""

    tail: int
    head: int
    value: int
    least: int
    most: int
    of: int
    hidden: bool
    price: float  # of hiding it


Step = tuple[int, int, int]  # arc, 1 up or -1 down, room


def route(arcs: list[Arc], start: int, goal: int, need: int) -> bool:
    """Whether so many more can go from start to goal (augmenting paths); hides what they change, the cheapest first."""
    flow = [0] * len(arcs)
    while need > 0:
        path = _cheapest(arcs, flow, start, goal)
        if not path:
            return False
        amount = min(need, *(room for _, _, room in path))
        for place, way, _ in path:
            flow[place] += way * amount
            arcs[place].hidden = True
        need -= amount
    return True


def _cheapest(arcs: list[Arc], flow: list[int], start: int, goal: int) -> list[Step]:
    """The way from start to goal that hides least (Dijkstra); empty where there is none."""
    leaving: dict[int, list[tuple[int, Step]]] = {}
    for place, arc in enumerate(arcs):
        now = arc.value + flow[place]
        if now < arc.most:
            leaving.setdefault(arc.tail, []).append((arc.head, (place, 1, arc.most - now)))
        if now > arc.least:
            leaving.setdefault(arc.head, []).append((arc.tail, (place, -1, now - arc.least)))
    came: dict[int, tuple[int, Step]] = {}
    queue: list[tuple[float, int, int, Step]] = [(0.0, start, start, (0, 0, 0))]
    while queue and goal not in came:
        price, node, before, step = heapq.heappop(queue)
        if node in came:
            continue
        came[node] = (before, step)
        for head, onward in leaving.get(node, []):
            if head not in came:
                heapq.heappush(queue, (price + _price(arcs[onward[0]], onward[2]), head, node, onward))
    return _back(came, start, goal) if goal in came else []


def _price(arc: Arc, room: int) -> float:
    return 0.0 if arc.hidden else arc.price * EASY / min(room, EASY)


def _back(came: dict[int, tuple[int, Step]], start: int, goal: int) -> list[Step]:
    path, node = [], goal
    while node != start:
        node, step = came[node]
        path.append(step)
    return path
