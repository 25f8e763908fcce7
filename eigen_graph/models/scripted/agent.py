"""The scripted agent: the case's own procedure, one beat a turn, whatever the user's words."""

from __future__ import annotations

from eigen_graph.core import Beat, Case
from eigen_graph.models.scripted.course import course
from eigen_graph.models.scripted.faults import Fault
from eigen_graph.models.scripted.part import Line, Part

_CLOSING = "Thank you for getting in touch. Have a good day!"


def play(part: Part) -> Line:
    """The agent's next move: its position is the number of its own messages, broken calls not counted."""
    _, case = part.played()
    fault = part.fault("dialogue")
    own = [message for message in part.own if not message.invalid_tool_calls]
    moves = course(own, moves_of(case, None), moves_of(case, fault))
    if len(own) >= len(moves):
        return Line(_CLOSING)
    beat = moves[len(own)]
    slips = fault is not None and fault.kind == "malformed_call" and case.beats[fault.at] is beat
    return Line(beat.text, call=beat.call, broken=slips and len(own) == len(part.own))


def moves_of(case: Case, fault: Fault | None) -> list[Beat]:
    """The agent's beats, with an agent's fault worked in."""
    moves: list[Beat] = []
    for index, beat in enumerate(case.beats):
        if beat.actor != "assistant":
            continue
        if fault is None or fault.role != "agent" or fault.at != index:
            moves.append(beat)
            continue
        match fault.kind:
            case "wrong_argument":
                moves.append(Beat("assistant", call=fault.call, kind="call"))
            case "unauthorised_write":
                moves += [Beat("assistant", call=fault.call, kind="call"), beat]
            case "unreported_fact":
                moves.append(Beat("assistant", text=fault.text, kind=beat.kind))
            case "forgotten_confirmation":
                pass
            case _:
                moves.append(beat)
    return moves
