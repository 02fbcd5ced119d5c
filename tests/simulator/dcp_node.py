"""A node's identity whole: keys, stores, doors and the way out, over real HTTP, and nothing else of a node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from node.adapters.egress import Egress
from node.adapters.peers import HttpPeers
from node.base.clock import Clock, SystemClock
from node.base.errors import HansaError
from node.base.work import Task, Transaction
from node.identity.accounts.accounts import Accounts
from node.identity.accounts.sign_in import SignIn
from node.identity.credentials.access_tokens import AccessTokens, OutgoingTokens
from node.identity.credentials.issuance import (
    DecideApplication,
    DeliverCredential,
    ReceiveApplication,
    SupportedCredential,
)
from node.identity.credentials.membership import Accession, RequestCredential
from node.identity.credentials.requested_presentations import Presentations
from node.identity.credentials.revocation import ChangeCredentialStatus, StatusLists
from node.identity.credentials.trust import TrustList
from node.identity.credentials.verification import VerifyCredentials
from node.identity.credentials.wallet import Wallet
from node.identity.did import check_document
from node.identity.documents import build_document
from node.identity.identification import IdentifyPerson
from node.identity.participants import IdentifyParticipant
from node.identity.replay import ReplayGuard
from node.web import dcp, wellknown
from node.web.callers import Callers
from node.web.problems import answer_failure, answer_problem
from tests.fakes.keys import MemoryKeyRing
from tests.fakes.stores.work import MemoryTransaction
from tests.simulator.http_servers import Address, served
from tests.stores import Stores, memory_stores

MEMBER, PARTNER = "MembershipCredential", "MobilityPartnerCredential"


class MemoryOrSqlNotes:
    """Texts under keys, in whatever database the node has."""

    def __init__(self) -> None:
        from node.adapters.sql.node_state import SqlMetaStore

        self._sql = SqlMetaStore()

    def get(self, tx: Transaction, key: str) -> str | None:
        return tx.rows("notes").get(key) if isinstance(tx, MemoryTransaction) else self._sql.get(tx, key)

    def put(self, tx: Transaction, key: str, value: str) -> None:
        if isinstance(tx, MemoryTransaction):
            tx.put("notes", key, value)
        else:
            self._sql.put(tx, key, value)


class DcpNode:
    """One participant. ``issues`` makes it an issuer of these types."""

    def __init__(
        self,
        address: Address,
        *,
        stores: Stores | None = None,
        issues: Sequence[SupportedCredential] = (),
        clock: Clock | None = None,
        per_host: int = 32,
        status_max_age: float = 1.0,
        presentation_max_age: float = 60.0,
        required_types: Sequence[str] = (),
        wallet_mark: Callable[[], str] | None = None,
        authenticators: Sequence[Any] = (),
        allow_unsigned_status_list: bool = False,
        refuse_excess: bool = False,
    ) -> None:
        self.address, self.did, self.url = address, address.did, address.url
        stores = stores or memory_stores()
        self.stores, self.uow, self.store = stores, stores.uow, stores.identity
        self.clock = clock or SystemClock()
        self.keyring = MemoryKeyRing(self.did)
        self.egress = Egress(allow_loopback=True, per_host=per_host)
        self.access = AccessTokens(self.keyring, self.clock)
        self.trust = TrustList()
        self.raw = build_document(self.keyring, self.url, issuer=bool(issues))
        own = check_document(self.did, self.raw)
        self.lists = StatusLists(self.uow, self.store, self.keyring, self.clock, self.url, max_age=0.2)
        mark = wallet_mark or (lambda: self.wallet.mark())  # noqa: PLW0108 - the wallet is made further down
        self.tokens = OutgoingTokens(self.keyring, self.clock, self.access, wallet_mark=mark)
        self.peers = HttpPeers(
            self.egress,
            self.tokens,
            self.clock,
            own_document=lambda: own,
            own_status_list=self.lists.behind,
            own_status_prefix=f"{self.url}/status/",
        )
        self.verifier = VerifyCredentials(
            self.peers,
            self.clock,
            self.trust,
            status_max_age=status_max_age,
            allow_unsigned_status_list=allow_unsigned_status_list,
        )
        self.wallet = Wallet(
            self.uow,
            self.store,
            self.peers,
            self.keyring,
            self.clock,
            self.access,
            self.verifier,
            refuse_excess=refuse_excess,
        )
        self.participants = IdentifyParticipant(
            peers=self.peers,
            clock=self.clock,
            me=self.did,
            presentations=Presentations(
                uow=self.uow,
                notes=MemoryOrSqlNotes(),
                peers=self.peers,
                verifier=self.verifier,
                trust=self.trust,
                clock=self.clock,
                me=self.did,
                required_types=required_types,
                max_age=presentation_max_age,
            ),
            verifier=self.verifier,
            replay=ReplayGuard(self.uow, self.store, self.clock),
            required_types=required_types,
        )
        self.join = RequestCredential(self.uow, self.store, self.peers, self.keyring, self.clock)
        issuing = (self.keyring, self.clock, issues, self.url)
        self.applications = ReceiveApplication(self.uow, self.store, self.peers, *issuing)
        self.decide = DecideApplication(self.uow, self.store, stores.outbox, *issuing)
        self.status = ChangeCredentialStatus(self.uow, self.store, self.clock, self.lists)
        self.accounts = Accounts(self.uow, self.store, self.clock)
        self.sign_in = SignIn(self.uow, self.store, self.clock)
        people = IdentifyPerson(self.uow, self.store, self.clock, self.did)
        self.callers = Callers(self.participants, people, origin=self.url, authenticators=authenticators)
        self.app = Starlette(
            routes=[
                Route("/whoami", self.whoami, methods=["GET", "POST"]),
                *wellknown.routes(lambda: self.raw),
                *dcp.routes(
                    self.participants,
                    self.wallet,
                    applications=self.applications if issues else None,
                    status_lists=self.lists if issues else None,
                    public_url=self.url,
                ),
            ],
            exception_handlers={HansaError: answer_problem, Exception: answer_failure},
        )

    async def whoami(self, request: Request) -> Response:
        caller = await self.callers.identify(request)
        again = await self.callers.identify(request)
        assert again is caller
        return JSONResponse(
            {
                "name": caller.name,
                "types": sorted({name for one in caller.credentials for name in one.types}),
                "rejected": [rejected.why for rejected in caller.rejections],
                "since": [rejected.since and rejected.since.isoformat() for rejected in caller.rejections],
            }
        )

    async def ask(self, other: DcpNode, **options: Any) -> dict[str, Any]:
        """Ask ``other`` who we are, as a connector sends a message."""
        answer = await self.egress.request(
            "POST",
            f"{other.url}/whoami",
            headers={"Authorization": f"Bearer {self.tokens.bearer(other.did)}"},
            json={},
            **options,
        )
        return {"status": answer.status, **answer.json()}

    async def approve_all(self) -> None:
        """What a person and the worker do: approve every application and deliver every message."""
        with self.uow.read() as tx:
            waiting = [one.id for one in self.store.applications(tx) if one.state == "RECEIVED"]
        for application_id in waiting:
            await to_thread.run_sync(self.decide.approve, application_id, "ann")
        await self.work()

    async def work(self) -> None:
        """Deliver what waits in the outbox."""
        now = self.clock.now()
        with self.uow.begin() as tx:
            tasks: Sequence[Task] = self.stores.outbox.lease(
                tx, owner="test", now=now, until=now + timedelta(minutes=1), limit=100
            )
        for task in tasks:
            await DeliverCredential(self.peers).deliver(task)
            with self.uow.begin() as tx:
                assert self.stores.outbox.finish(tx, task)

    async def member_of(self, region: DcpNode, *types: str) -> None:
        """Apply for these credentials and be admitted; from then on trust the region for them."""
        accession = Accession(
            rulebook=f"{region.url}/rulebooks/mobility",
            version="1.0",
            sha256="ab" * 32,
            legal_name=f"Stad {self.address.port}",
            contact="data@city.example",
        )
        for credential_type in types:
            await self.join.request(region.url, credential_type, accession)
        await region.approve_all()


@asynccontextmanager
async def nodes(*makers: Callable[[Address], DcpNode]) -> AsyncIterator[list[DcpNode]]:
    """Several nodes at once, each at a port of its own, in this event loop."""

    def serving(make: Callable[[Address], DcpNode]) -> Callable[[Address], tuple[Any, DcpNode]]:
        def application_of(address: Address) -> tuple[Any, DcpNode]:
            node = make(address)
            return node.app, node

        return application_of

    async with AsyncExitStack() as stack:
        members = [(await stack.enter_async_context(served(serving(make))))[1] for make in makers]
        for node in members:
            stack.push_async_callback(node.egress.close)
            await node.wallet.refresh()
        yield members
        await asyncio.sleep(0)
