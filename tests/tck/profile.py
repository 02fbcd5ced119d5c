"""A node of the kit's world: made of an ordinary node through its plug-in points, nothing in ``node/`` knows of it.

The kit proves itself with a word agreed for the run, has no DID, and is one participant. Its datasets, offers and
agreements are put into the node's stores. Where it tells the node to begin something as consumer, two routes listen.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Any, Final

import pluggy
from anyio.to_thread import run_sync
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import HTTPConnection
from starlette.responses import Response

from node.base.clock import stamp
from node.base.jsons import digest
from node.bootstrap.node import HansaNode
from node.catalogue.model import PUBLIC, Record
from node.identity.did import did_of
from node.identity.model import Caller, DidDocument
from node.negotiation.model import Agreement
from node.semantics.model import File
from node.vocab.dsp import PULL
from tests.tck.script import (
    CONSUMING,
    DELAY,
    LISTED,
    PROVIDING,
    RECEIVING,
    SENDING,
    Negotiating,
    Transferring,
)

KIT: Final = "TCK_PARTICIPANT"
"""What the kit calls itself when it tells the node whom to negotiate with."""

SHARED_DATASET: Final = "ATP0000"
"""The dataset that all agreements with the kit are about."""

hookimpl = pluggy.HookimplMarker("hansa")


@dataclass(frozen=True, kw_only=True)
class Kit:
    """One kit that will run: where it listens, the word by which it is known, how long the node waits before it
    acts."""

    address: str
    word: str = field(default_factory=secrets.token_urlsafe)
    delay: float = DELAY

    @property
    def authorization(self) -> str:
        return f"Bearer {self.word}"

    def options(self) -> dict[str, Any]:
        """What ``node.bootstrap.build.build`` is given."""
        return {
            "authenticators": (self.authenticate,),
            "strategy": Negotiating(self.delay),
            "transfer_strategy": Transferring(self.delay),
            "outgoing": lambda participant: self.authorization if participant == KIT else None,
            "documents": lambda participant: self.document() if participant == KIT else None,
        }

    async def authenticate(self, request: HTTPConnection) -> Caller | None:
        """The kit, where the request brings its word."""
        sent = request.headers.get("authorization", "")
        return Caller(did=KIT) if hmac.compare_digest(sent.encode(), self.authorization.encode()) else None

    def document(self) -> DidDocument:
        """What is known of the kit without asking it: it has no DID, so it goes by that of its address."""
        return DidDocument(id=did_of(self.address), raw={})

    def settle(self, node: HansaNode) -> None:
        """Put the kit's world into a node that has not started yet."""
        seed(node)
        node.plugins.register(Triggers(node), name="tests.tck")

    def properties(self, *, node: str, dsp: str, did: str, wait: int = 10) -> str:
        """The kit's configuration for a node at these addresses."""
        host, _, port = self.address.removeprefix("http://").partition(":")
        members = {
            "debug": "true",
            "ansi": "false",
            "host": host,
            "port": port,
            "callback.address": self.address,
            "dsp.local.connector": "false",
            "dsp.connector.agent.id": did,
            "dsp.connector.http.url": dsp,
            "dsp.connector.http.base.url": node,
            "dsp.connector.http.headers.authorization": self.authorization,
            "dsp.connector.negotiation.initiate.url": f"{node}/tck/negotiations/requests",
            "dsp.connector.transfer.initiate.url": f"{node}/tck/transfers/requests",
            "dsp.default.wait": str(wait),
        }
        lines = [f"dataspacetck.{name}={value}" for name, value in members.items()]
        lines += [f"CAT_{_test(name)}_DATASETID={name}" for name in (*LISTED, "CAT0103")]
        for name in PROVIDING:
            lines += [f"CN_{_test(name)}_DATASETID={name}", f"CN_{_test(name)}_OFFERID={offer_id(name)}"]
        lines += [f"CN_C_{_test(name)}_DATASETID={name}" for name in CONSUMING]
        for side, script in (("TP", SENDING), ("TP_C", RECEIVING)):
            for name in script:
                lines += [f"{side}_{_test(name)}_AGREEMENTID={name}", f"{side}_{_test(name)}_FORMAT={PULL}"]
        return "\n".join(lines) + "\n"


def offer_id(dataset: str) -> str:
    """The kit knows offers by a name in three parts; one of its counter-offers has it built in."""
    return f"CD123:{dataset}:456"


def _test(name: str) -> str:
    """ACNC0203 → 02_03: the test that the id belongs to."""
    return f"{name[-4:-2]}_{name[-2:]}"


# ---- the kit's datasets and agreements ------------------------------------------------------------------------


def seed(node: HansaNode) -> None:
    """Put datasets and agreements into the stores; what is there already is left alone."""
    stores = node.parts.stores
    with stores.uow.begin() as tx:
        for iri in (*PROVIDING, *LISTED, SHARED_DATASET):
            if stores.catalogue.records.get(tx, iri) is None:
                stores.catalogue.records.add(tx, record(node, iri))
        for name in SENDING:
            if stores.negotiation.agreements.get(tx, name) is None:
                stores.negotiation.agreements.add(tx, agreement(node, name, provider=node.parts.me, consumer=KIT))
        for name in RECEIVING:
            if stores.negotiation.agreements.get(tx, name) is None:
                stores.negotiation.agreements.add(tx, agreement(node, name, provider=KIT, consumer=node.parts.me))


def record(node: HansaNode, iri: str) -> Record:
    """A dataset that everybody may see and use."""
    return Record(
        iri=iri,
        version=1,
        kind="dataset",
        audience=PUBLIC,
        titles={"en": f"Dataset {iri} of the kit"},
        descriptions={"en": "There for the conformance kit only."},
        publisher=node.parts.me,
        publisher_name=node.parts.settings.name,
        origin=node.parts.me,
        nquads=b"",
        sha256=digest(iri),
        at=node.parts.clock.now(),
        by="kit",
        offer={"@id": offer_id(iri), "@type": "Offer", "permission": [{"action": "odrl:use"}]},
        files=(File(name="data.csv", media_type="text/csv", size=3, sha256="ab" * 32),),
    )


def agreement(node: HansaNode, name: str, *, provider: str, consumer: str) -> Agreement:
    """An agreement that was made before the kit came."""
    now = node.parts.clock.now()
    body = {
        "@id": name,
        "@type": "Agreement",
        "target": SHARED_DATASET,
        "assigner": provider,
        "assignee": consumer,
        "timestamp": stamp(now),
        "permission": [{"action": "odrl:use"}],
    }
    return Agreement(
        id=name,
        negotiation=f"negotiation of {name}",
        dataset=SHARED_DATASET,
        provider=provider,
        consumer=consumer,
        role="provider" if provider == node.parts.me else "consumer",
        body=body,
        sha256=digest(body),
        signatures={},
        at=now,
        finalized=now,
    )


# ---- where the kit tells the node to begin --------------------------------------------------------------------


class Begin(BaseModel):
    """What the kit says: with whom, where, about what."""

    model_config = ConfigDict(extra="ignore")

    provider: str = Field(alias="providerId")
    address: str = Field(alias="connectorAddress")


class BeginNegotiation(Begin):
    offer: str = Field(alias="offerId")
    dataset: str = Field(alias="datasetId")


class BeginTransfer(Begin):
    agreement: str = Field(alias="agreementId")
    format: str


class Triggers:
    """A plug-in of one node: the two routes."""

    def __init__(self, node: HansaNode) -> None:
        self._node = node

    @hookimpl
    def hansa_routes(self, host: Any) -> list[APIRouter]:
        api = APIRouter(prefix="/tck")
        api.post("/negotiations/requests", status_code=204)(self.negotiate)
        api.post("/transfers/requests", status_code=204)(self.transfer)
        return [api]

    async def negotiate(self, request: BeginNegotiation) -> Response:
        """Ask the kit for one of its datasets, under the plainest offer."""
        offer = {"@id": request.offer, "@type": "Offer", "permission": [{"action": "odrl:use"}]}
        await run_sync(
            lambda: self._node.protocol.negotiation.negotiations.request(
                provider=request.provider, address=request.address, dataset=request.dataset, offer=offer
            )
        )
        return Response(status_code=204)

    async def transfer(self, request: BeginTransfer) -> Response:
        """Ask the kit for the bytes of an agreement."""
        await run_sync(
            lambda: self._node.protocol.transfer.transfer_requests.open(
                request.agreement, format=request.format, address=request.address
            )
        )
        return Response(status_code=204)
