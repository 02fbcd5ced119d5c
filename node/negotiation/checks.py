"""Checks of a peer's message beyond its place in the conversation, and the values that it sets besides the state.

Nothing here changes anything: if a check raises, the negotiation stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from node.base.clock import Clock
from node.base.errors import InvalidInput, NotFound, RemoteProtocolError
from node.base.work import Transaction
from node.catalogue.deliverability import OWN, WHY, DeliveryPlanes
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.dialogue.caps import Caps
from node.dialogue.message import IncomingMessage
from node.dialogue.process import Role
from node.identity.model import Caller, DidDocument
from node.negotiation import agreement, machine, proposal
from node.negotiation.agreement import VerifyJws
from node.negotiation.messages import SIGNATURE
from node.negotiation.model import Negotiation
from node.negotiation.origin import provider_of
from node.negotiation.ports import AgreementStore, NegotiationStore

MaySee = Callable[[Record, Caller], bool]


class Checks:
    """Checks incoming messages against what this node knows."""

    def __init__(
        self,
        *,
        store: NegotiationStore,
        agreements: AgreementStore,
        records: RecordStore,
        may_see: MaySee,
        verify_jws: VerifyJws,
        clock: Clock,
        me: str,
        leeway: timedelta = proposal.LEEWAY,
        caps: Caps | None = None,
        delivery_planes: DeliveryPlanes = OWN,
    ) -> None:
        """``leeway`` is how much a peer's clock may differ from ours. An asset that none of ``delivery_planes`` can
        deliver is not offered."""
        self._store = store
        self._agreements = agreements
        self._records = records
        self._may_see = may_see
        self._verify_jws = verify_jws
        self._clock = clock
        self._me = me
        self._leeway = leeway
        self._caps = caps or Caps()
        self._delivery_planes = delivery_planes

    def own_asset(self, tx: Transaction, peer: str, dataset: str) -> None:
        """Raises ``InvalidInput`` unless ``dataset`` comes from ``peer``. The origin is taken from this node's record
        of the dataset, else from its address."""
        known = self._records.get(tx, dataset)
        try:
            origin = known.origin if known is not None else provider_of(dataset)
        except (InvalidInput, ValueError):
            origin = ""
        if origin != peer:
            raise InvalidInput(
                f"an offer that nobody asked for may only be about an asset of yours: {dataset[:200]} is not",
                remedy="offer an asset whose address begins with that of your node",
            )

    def offered_record(self, tx: Transaction, caller: Caller, offer: Mapping[str, Any]) -> Record:
        """Return the asset that the consumer requests by our offer. Raises the same ``NotFound`` if the asset does
        not exist and if this caller may not see it, and one with the reason if no data plane of this node delivers
        it."""
        target = offer.get("target")
        record = self._records.get(tx, target) if isinstance(target, str) else None
        if (
            record is None
            or record.withdrawn
            or record.offer is None
            or record.origin != self._me
            or not self._may_see(record, caller)
            or record.offer["@id"] != offer["@id"]
        ):
            raise NotFound(
                "there is no such offer",
                remedy="read the dataset in this node's catalogue again: its offers may have changed",
            )
        if not self._delivery_planes.deliver(record):
            raise NotFound(WHY, remedy="open the asset at the address that its description gives")
        return record

    def own_offer(self, tx: Transaction, dataset: str) -> dict[str, Any]:
        """Return the offer that this node makes for its own asset. Raises ``NotFound`` if it makes none or cannot
        deliver the asset."""
        record = self._records.get(tx, dataset)
        if record is None or record.withdrawn or record.offer is None or record.origin != self._me:
            raise NotFound("this node has no offer for this asset")
        if not self._delivery_planes.deliver(record):
            raise NotFound(WHY, remedy="publish it again with a file, or without conditions")
        return record.offer

    def content(
        self, tx: Transaction, negotiation: Negotiation, message: IncomingMessage, signer: DidDocument | None
    ) -> dict[str, Any]:
        """Return the fields of the negotiation that the message sets besides the state."""
        body = message.body
        match message.name:
            case machine.REQUEST:
                self._check_length(tx, negotiation)
                self._same_dataset(negotiation, body["offer"])
                return {"offer": dict(body["offer"]), "offered_by": Role.CONSUMER}
            case machine.OFFER:
                self._check_length(tx, negotiation)
                self._same_dataset(negotiation, body["offer"])
                return {"offer": dict(body["offer"]), "offered_by": Role.PROVIDER}
            case machine.AGREEMENT:
                if negotiation.agreement is not None:
                    # Every new draft (``node.negotiation.restatement``) is stored too, so their number is limited.
                    self._check_length(tx, negotiation)
                self._check_proposal(tx, negotiation, body["agreement"])
                signed = self._signature(negotiation, message, body["agreement"], signer)
                return {"agreement": dict(body["agreement"]), **signed}
            case machine.VERIFICATION if negotiation.agreement is not None:
                return self._signature(negotiation, message, negotiation.agreement, signer)
            case machine.TERMINATION:
                return message.why
            case _:
                return {}

    def _check_proposal(self, tx: Transaction, negotiation: Negotiation, body: Mapping[str, Any]) -> None:
        """Raises ``InvalidInput`` for a wrong proposal, before anything is acknowledged or signed."""
        proposal.check(negotiation, body, self._me, now=self._clock.now(), leeway=self._leeway)
        known = self._agreements.get(tx, body["@id"])
        if known is not None and known.negotiation != negotiation.pid:
            raise InvalidInput(
                "agreement.@id is that of another agreement", remedy="give each agreement an id of its own"
            )

    def _check_length(self, tx: Transaction, negotiation: Negotiation) -> None:
        """Raises ``RemoteProtocolError`` for new terms in a negotiation that has had too many messages."""
        if self._store.count_exchanges(tx, negotiation.pid) >= self._caps.messages:
            raise RemoteProtocolError(
                f"this negotiation has had {self._caps.messages} messages, which is the limit for new terms",
                remedy="accept the current offer, or terminate",
            )

    def _same_dataset(self, negotiation: Negotiation, offer: Mapping[str, Any]) -> None:
        target = offer.get("target", negotiation.dataset)
        if target != negotiation.dataset:
            raise InvalidInput("an offer within a negotiation must keep its target")

    def _signature(
        self, negotiation: Negotiation, message: IncomingMessage, body: Mapping[str, Any], signer: DidDocument | None
    ) -> dict[str, Any]:
        signature = message.text(SIGNATURE)
        if signature is None:
            return {}
        if signer is None:
            raise InvalidInput("the signature could not be checked: your DID document cannot be read")
        agreement.verify(signature, body, signer, self._verify_jws, first_seen=self._clock.now())
        # The key is stored with the signature: years later the peer may have another key, or none.
        return {
            "signatures": {**negotiation.signatures, negotiation.peer: signature},
            "signer": dict(signer.raw),
        }
