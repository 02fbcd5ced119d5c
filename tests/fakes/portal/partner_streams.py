"""A stream of another node that a node in memory receives: the agreement, the description, a feed at rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from node.catalogue.model import Record
from node.dialogue.process import Role
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.negotiation.model import Agreement
from node.policy.templates import compile_conditions
from node.portal.views.agreements import AgreementView
from node.portal.views.partner_streams import PartnerStreamPages
from node.semantics.model import File
from node.transfer.addresses import live_address
from node.transfer.bridges.model import Bridge, BridgeProgress, BridgeView
from node.transfer.live.feeds import FeedState, SeenObservation, StreamEnd
from node.transfer.live.partner_streams import PartnerStreamView
from node.transfer.model import Transfer
from node.vocab.dsp import LIVE
from tests.fakes.portal.content import GENT, HOMES, PLZEN, REGION, Graph, record, say

if TYPE_CHECKING:
    from tests.fakes.portal.node import FakeNode

STREAM: Final = "urn:uuid:0192f3a0-abab-7a55-9d7c-3b1f0a6e2c99"
TRAMS: Final = f"{HOMES[PLZEN]}/datasets/trams"
_TRANSFER: Final = "urn:uuid:0192f3a0-abab-7a55-9d7c-3b1f0a6e2cff"


def agreement_about_stream(now: datetime) -> AgreementView:
    """The agreement: the whole stream."""
    compiled = compile_conditions({"template": "open"}, target=TRAMS, offer_id=f"{TRAMS}#offer", region=REGION)
    assert compiled.offer is not None
    agreement = Agreement(
        id=STREAM,
        negotiation="urn:uuid:4",
        dataset=TRAMS,
        provider=PLZEN,
        consumer=GENT,
        role="consumer",
        body={**compiled.offer, "@id": STREAM, "@type": "Agreement"},
        sha256="ac" * 32,
        signatures={},
        at=now - timedelta(days=1),
        finalized=now - timedelta(days=1),
        entry="entry-89",
    )
    return AgreementView(
        agreement=agreement,
        title=say(en="Trams of Plzeň, live", nl="Trams van Plzeň, live"),
        provider_name="Plzeň",
        consumer_name="Stad Gent",
        kind="dataset",
    )


def trams() -> Record:
    """The description: one stream."""
    files = (File(name="trams", media_type="application/json", size=0, sha256="", format="JSON"),)
    title = say(en="Trams of Plzeň, live")
    return record(TRAMS, "dataset", PLZEN, Graph(TRAMS), title, title, policy="open", files=files)


def bridge_to_bus(now: datetime) -> BridgeView:
    """A bridge that runs."""
    bridge = Bridge(
        id="5d41402abc4b2a76",
        agreement=STREAM,
        file="",
        source="bus",
        topic="plzen/trams",
        key="line",
        start=None,
        by="anna",
        at=now - timedelta(hours=1),
    )
    return BridgeView(bridge=bridge, progress=BridgeProgress(deliveries=1284, since=now - timedelta(minutes=9)))


class FakeBridges:
    """The bridges of the stream: one, to the broker ``bus``."""

    def __init__(self, now: datetime) -> None:
        self.views = [bridge_to_bus(now)]
        self.requests: list[tuple[str, str, dict[str, Any]]] = []

    def all(self, by: Caller, agreement_id: str | None = None) -> list[BridgeView]:
        require(by, UseCase.READ_RECEIVED)
        return [view for view in self.views if agreement_id in (None, view.bridge.agreement)]

    def brokers(self, by: Caller) -> list[str]:
        return ["bus"]

    def begin(self, agreement_id: str, address: str, by: Caller, **options: Any) -> None:
        self.requests.append((agreement_id, address, options))

    def end(self, bridge_id: str, by: Caller) -> None:
        self.views = [view for view in self.views if view.bridge.id != bridge_id]


class FakePartnerStreams:
    """The open read: three trams, of which one has moved."""

    def __init__(self, node: FakeNode, now: datetime) -> None:
        self._node = node
        self.known: Record | None = trams()
        self.opened: list[tuple[str, str | None]] = []
        self.bridges = FakeBridges(now)
        agreement = agreement_about_stream(now).agreement
        self.transfer: Transfer | None = Transfer(
            pid=_TRANSFER,
            role=Role.CONSUMER,
            peer=PLZEN,
            peer_pid="urn:uuid:9",
            peer_address=f"{HOMES[PLZEN]}/dsp/2025-1",
            state="STARTED",
            version="2025-1",
            created=now - timedelta(hours=1),
            updated=now - timedelta(hours=1),
            agreement=agreement.id,
            dataset=TRAMS,
            format=LIVE,
            data_address=live_address(HOMES[PLZEN], "x", token="t" * 43, expires=now + timedelta(hours=11)),
        )
        rows = [
            SeenObservation(
                received=now - timedelta(seconds=4 - number),
                members={
                    "at": (now - timedelta(seconds=5 - number)).isoformat(),
                    "line": f"line {number}",
                    "delay": 12.5 * number,
                    "full": number == 2,
                },
            )
            for number in range(1, 4)
        ]
        self.feed: FeedState | None = FeedState(
            transfer=_TRANSFER,
            since=now - timedelta(minutes=3),
            count=1,
            has_gap=False,
            is_connected=True,
            newest=(rows[-1],),
            latest=tuple(rows),
            has_more_subjects=False,
            subject="line",
            time="at",
            ending=None,
        )

    def end(self, reason: str, *, remedy: str = "", state: str = "SUSPENDED") -> None:
        """Let the provider end it."""
        assert self.feed is not None
        assert self.transfer is not None
        ending = StreamEnd(code="not-allowed", reason=reason, remedy=remedy, reasons=(reason,))
        self.feed = replace(self.feed, ending=ending, is_connected=False)
        self.transfer = replace(self.transfer, state=state, reason=[reason])

    def use_case(self, agreements: Any) -> PartnerStreamPages:
        """Return the use case of the page, over this stream."""
        return PartnerStreamPages(agreements, cast("Any", self), cast("Any", self), cast("Any", self.bridges))

    async def record(self, iri: str, caller: Caller) -> Record:
        if iri == TRAMS and self.known is not None:
            return self.known
        return await self._node.record(iri, caller)

    def require_role(self, by: Caller) -> None:
        require(by, UseCase.READ_RECEIVED)

    async def view(self, agreement_id: str, by: Caller, *, file: str | None = None) -> PartnerStreamView:
        self.require_role(by)
        view = next(view for view in self._node.contracts if view.agreement.id == agreement_id)
        return PartnerStreamView(
            agreement=view.agreement, transfer=self.transfer, feed=self.feed, is_counted=view.uses is not None
        )

    async def open(self, agreement_id: str, by: Caller, *, file: str | None = None) -> None:
        self.require_role(by)
        self.opened.append((agreement_id, file))
