"""What the kit wants a node to do by itself, as tables: id → state → the action at each entry into the state.

The kit's world has no policies: a dataset or an agreement is known by its id, and the id says how the node behaves.
An action leaves half a second after the node has answered, or was answered: the kit listens for the next message
only once it has seen the state before. An id, a state or an entry that is not in the tables is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from node.dialogue.machine import Table
from node.dialogue.process import Process, Role
from node.negotiation import machine as negotiating
from node.negotiation import strategy as negotiation
from node.transfer import machine as transferring
from node.transfer import strategy as transfer

DELAY: Final = 0.5

Script = Mapping[str, Mapping[str, Sequence[str]]]

_OFFER = {"REQUESTED": ["offer"]}
_AGREE = {"REQUESTED": ["agree"]}
_ACCEPT = {"OFFERED": ["accept"]}
_VERIFY = {"AGREED": ["verify"]}
_START = {"REQUESTED": ["start"]}
_NOTHING: dict[str, list[str]] = {}

PROVIDING: Final[Script] = {
    "ACN0101": _OFFER,
    "ACN0102": {"REQUESTED": ["offer", "terminate"]},
    "ACN0103": {**_OFFER, "ACCEPTED": ["agree"], "VERIFIED": ["finalize"]},
    "ACN0104": {**_AGREE, "VERIFIED": ["finalize"]},
    "ACN0201": {"REQUESTED": ["terminate"]},
    "ACN0202": _NOTHING,
    "ACN0203": _AGREE,
    "ACN0204": _OFFER,
    "ACN0205": {**_OFFER, "OFFERED": ["terminate"]},
    "ACN0206": {**_OFFER, "ACCEPTED": ["terminate"]},
    "ACN0207": {**_AGREE, "VERIFIED": ["terminate"]},
    "ACN0301": {**_AGREE, "VERIFIED": ["finalize"]},
    "ACN0302": _OFFER,
    "ACN0303": _OFFER,
    "ACN0304": _OFFER,
}
"""Datasets that the node offers, and how it negotiates about them."""

CONSUMING: Final[Script] = {
    "ACNC0101": {**_ACCEPT, **_VERIFY},
    "ACNC0102": {"OFFERED": ["counter"]},
    "ACNC0103": {"OFFERED": ["terminate"]},
    "ACNC0104": _VERIFY,
    "ACNC0201": _NOTHING,
    "ACNC0202": {"REQUESTED": ["terminate"]},
    "ACNC0203": {"AGREED": ["terminate"]},
    "ACNC0204": _NOTHING,
    "ACNC0205": _ACCEPT,
    "ACNC0206": _VERIFY,
    "ACNC0301": _NOTHING,
    "ACNC0302": _NOTHING,
    "ACNC0303": _NOTHING,
    "ACNC0304": _ACCEPT,
    "ACNC0305": _ACCEPT,
    "ACNC0306": _ACCEPT,
}
"""Datasets that the kit offers, and how the node negotiates about them."""

SENDING: Final[Script] = {
    "ATP0101": {**_START, "STARTED": ["terminate"]},
    "ATP0102": {**_START, "STARTED": ["complete"]},
    "ATP0103": {**_START, "STARTED": ["suspend"], "SUSPENDED": ["terminate"]},
    "ATP0104": {**_START, "STARTED": ["suspend", "complete"], "SUSPENDED": ["start"]},
    "ATP0105": {"REQUESTED": ["terminate"]},
    "ATP0201": _START,
    "ATP0202": _START,
    "ATP0203": _START,
    "ATP0204": _START,
    "ATP0205": _NOTHING,
    "ATP0301": _NOTHING,
    "ATP0302": _NOTHING,
    "ATP0303": _START,
    "ATP0304": _START,
    "ATP0305": _START,
    "ATP0306": _START,
}
"""Agreements under which the node provides, and how it carries out their transfers."""

RECEIVING: Final[Script] = {
    **{
        f"ATPC{number}": _NOTHING
        for number in ("0101", "0102", "0103", "0104", "0105", "0301", "0302", "0303", "0304", "0305", "0306")
    },
    "ATPC0201": {"STARTED": ["terminate"]},
    "ATPC0202": {"STARTED": ["complete"]},
    "ATPC0203": {"STARTED": ["suspend"], "SUSPENDED": ["terminate"]},
    "ATPC0204": {"STARTED": ["suspend", "complete"], "SUSPENDED": ["start"]},
    "ATPC0205": {"REQUESTED": ["terminate"]},
}
"""Agreements under which the node receives; it never fetches, whatever address it is told."""

LISTED: Final = ("CAT0101", "CAT0102")
"""Datasets that are only looked at in the catalogue. The kit asks for a third, CAT0103, which must not be there."""


class Negotiating:
    """The negotiation strategy of the kit's world."""

    def __init__(self, delay: float = DELAY) -> None:
        self._delay = delay

    def next(self, look: negotiation.Look) -> negotiation.Action:
        process = look.negotiation
        script = PROVIDING if process.role is Role.PROVIDER else CONSUMING
        wait = self._delay
        match _action(script, process.dataset, negotiating.TABLE, process, look.messages_so_far()):
            case "offer" if look.own_offer is not None:
                return negotiation.Offer(look.own_offer, after=wait)
            case "counter":
                terms = {name: value for name, value in process.offer.items() if name != "target"}
                return negotiation.Counter(terms, after=wait)
            case "accept":
                return negotiation.Accept(after=wait)
            case "agree":
                return negotiation.Agree(after=wait)
            case "verify":
                return negotiation.Verify(after=wait)
            case "finalize":
                return negotiation.Finalize(after=wait)
            case "terminate":
                return negotiation.Terminate("scripted", ["the kit's script says so"], after=wait)
            case _:
                return negotiation.Hold()


class Transferring:
    """The transfer strategy of the kit's world."""

    def __init__(self, delay: float = DELAY) -> None:
        self._delay = delay

    def next(self, look: transfer.Look) -> transfer.Action:
        process = look.transfer
        script = SENDING if process.role is Role.PROVIDER else RECEIVING
        wait = self._delay
        match _action(script, process.agreement, transferring.TABLE, process, look.messages_so_far()):
            case "start":
                return transfer.Start(after=wait)
            case "suspend":
                return transfer.Suspend("scripted", after=wait)
            case "complete":
                return transfer.Complete(after=wait)
            case "terminate":
                return transfer.Terminate("scripted", ["the kit's script says so"], after=wait)
            case _:
                return transfer.Hold()


def _action(script: Script, name: str, table: Table, process: Process, messages: Sequence[str]) -> str | None:
    """The action at this entry into the state. How often it was entered is counted for each process by itself, so
    that a second run of the kit finds the scripts at their beginning."""
    actions = script.get(name, {}).get(process.state, ())
    leading = {message for (_, message), move in table.moves.items() if move.to == process.state}
    leading |= {message for message, move in table.openings.items() if move.to == process.state}
    entries = sum(message in leading for message in messages)
    return actions[entries - 1] if 0 < entries <= len(actions) else None
