"""The agent's tools: what the hotel's booking system can do.

They refuse what no booking system would do (a room that is taken, a card that is not the guest's, a fee above the
price) and nothing else. Whether something *should* be done is the policy's business, and the agent's.
"""

from typing import Final

from langchain_core.tools import BaseTool

from eigen_graph.domains.hotel.tools.courtesy import (
    add_extra,
    grant_goodwill,
    redeem_points,
    refund_charge,
    transfer_to_person,
)
from eigen_graph.domains.hotel.tools.looking import get_booking, get_guest, identify_guest, search_rooms
from eigen_graph.domains.hotel.tools.stays import (
    cancel_booking,
    change_dates,
    change_room,
    check_out_early,
    create_booking,
)

TOOLS: Final[tuple[BaseTool, ...]] = (
    identify_guest,
    get_guest,
    get_booking,
    search_rooms,
    create_booking,
    change_dates,
    change_room,
    cancel_booking,
    check_out_early,
    add_extra,
    refund_charge,
    grant_goodwill,
    redeem_points,
    transfer_to_person,
)
"""All of them, in the order in which a model sees them."""
