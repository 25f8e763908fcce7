"""The scripted user: the case's own lines and calls, one beat a turn, whatever the agent's words."""

from __future__ import annotations

from eigen_graph.core import STOP, STOP_MARKERS, Beat, Case
from eigen_graph.models.scripted.course import course
from eigen_graph.models.scripted.faults import Fault
from eigen_graph.models.scripted.part import Line, Part

_GOODBYE = f"Goodbye. {STOP}"


def play(part: Part) -> Line:
    """The user's next move; with none left, the end."""
    _, case = part.played()
    moves = course(part.own, moves_of(case, None), moves_of(case, part.fault("dialogue")))
    position = len(part.own)
    if position >= len(moves):
        return Line(_GOODBYE)
    beat = moves[position]
    marked = beat.kind != "close" or any(marker in beat.text for marker in STOP_MARKERS)
    return Line(beat.text if marked else f"{beat.text} {STOP}", call=beat.call)


def moves_of(case: Case, fault: Fault | None) -> list[Beat]:
    """The user's beats, with a user's fault worked in."""
    moves: list[Beat] = []
    for index, beat in enumerate(case.beats):
        if beat.actor != "user":
            continue
        if fault is not None and fault.role == "user" and fault.at == index:
            if fault.kind == "early_stop":
                moves.append(Beat("user", text=fault.text, kind="close"))
                break
            moves.append(Beat("user", text=fault.text, kind=beat.kind))
        else:
            moves.append(beat)
    return moves
