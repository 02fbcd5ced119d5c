"""This node's own actions in a negotiation. A strategy reads the situation and returns an action; it does not
act itself.

The standard strategy accepts terms that equal the offer and add nothing, refuses with reasons, and asks a person
where the offer requires it or where only a person can know: about an offer that this node did not request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from node.dialogue.process import Role
from node.negotiation import machine
from node.negotiation.model import Negotiation
from node.negotiation.proposal import adds_nothing
from node.policy.model import Decision


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacedMessage:
    """A message to the peer. It is sent after ``after`` seconds; a message of the peer in between may cancel it."""

    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Offer(PacedMessage):
    """Offer these terms (provider)."""

    terms: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Counter(PacedMessage):
    """Request these terms instead (consumer)."""

    terms: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Accept(PacedMessage):
    """Accept the current offer (consumer)."""


@dataclass(frozen=True, slots=True)
class Agree(PacedMessage):
    """Propose the agreement (provider)."""


@dataclass(frozen=True, slots=True)
class Verify(PacedMessage):
    """Confirm the agreement (consumer)."""


@dataclass(frozen=True, slots=True)
class Finalize(PacedMessage):
    """Finalize (provider)."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Let a person decide."""


@dataclass(frozen=True, slots=True)
class Terminate(PacedMessage):
    """End the negotiation, with a code and reasons."""

    code: str
    reason: list[Any] = field(default_factory=list)


Action = Hold | Offer | Counter | Accept | Agree | Verify | Finalize | Ask | Terminate


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The input of a strategy. ``decision`` and ``own_offer`` are the provider's; ``same_terms`` is whether the
    current offer equals ours (provider) or the one that we requested (consumer). ``messages_so_far()`` returns the
    messages of both sides so far by their names in the table, oldest first: for example to count counter-offers.
    ``limits`` is how far we go by ourselves: for a provider the most open terms that it gives, for a consumer the
    least open that it takes (DSP policy JSON); ``title`` is the asset's. ``in_our_words`` are the terms that a
    consumer requests from this provider, as this node would write and sign them; None if it would not: such terms are
    never agreed to, whatever the strategy answers."""

    negotiation: Negotiation
    decision: Decision | None
    own_offer: dict[str, Any] | None
    same_terms: bool
    messages_so_far: Callable[[], tuple[str, ...]] = tuple
    limits: dict[str, Any] | None = None
    title: str = ""
    in_our_words: dict[str, Any] | None = None


class Strategy(Protocol):
    """A negotiation strategy: a plug-in point."""

    def next(self, look: Look) -> Action:
        """Return the action for the current state of ``look.negotiation``. Must be pure.

        Called whenever a state that is not final was entered: by a message of the peer, or by one of ours that the
        peer has acknowledged.
        """


class StandardStrategy:
    """Accept what equals an offer and adds nothing; ask a person where the policy asks; refuse with reasons."""

    def next(self, look: Look) -> Action:
        negotiation = look.negotiation
        if negotiation.role is Role.PROVIDER:
            return self._provide(look)
        match negotiation.state:
            case machine.OFFERED:
                as_asked = look.same_terms and adds_nothing(negotiation.offer, negotiation.asked)
                return Accept() if as_asked else Ask()
            case machine.AGREED:
                return Verify()
            case _:
                return Hold()

    def _provide(self, look: Look) -> Action:
        match look.negotiation.state:
            case machine.REQUESTED | machine.ACCEPTED:
                return self._consider(look)
            case machine.VERIFIED:
                return Finalize()
            case _:
                return Hold()

    def _consider(self, look: Look) -> Action:
        if look.own_offer is None or look.decision is None:
            return Terminate("not-offered", ["this asset is no longer offered"])
        if not look.same_terms:
            if look.negotiation.state == machine.REQUESTED and look.negotiation.offered_by == Role.CONSUMER:
                return Offer(look.own_offer)
            return Terminate("other-terms", ["the terms differ from the offer, which is not negotiable"])
        return conclude(look.decision)


def conclude(decision: Decision) -> Action:
    """Return a provider's action for terms that it would give: refuse with the reasons, ask a person, or agree."""
    if decision.refuses:
        unmet: list[Any] = [reason.to_json() for reason in decision.unmet]
        return Terminate("policy-refused", unmet or ["the policy does not permit this"])
    return Ask() if decision.asks else Agree()
