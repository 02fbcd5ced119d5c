"""The portal put together: what its pages need of the node (``node.portal.ports.Node``), over the use cases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final

from anyio.to_thread import run_sync

from node import __version__
from node.base.errors import NotFound
from node.base.plaintext import word
from node.base.work import Task
from node.bootstrap.account_pages import AccountPages, require
from node.bootstrap.node import HansaNode
from node.bootstrap.portrayal import access_made, agreed, agreed_names, asked, quality
from node.bootstrap.scenario_pages import ScenarioPages
from node.catalogue.access import AccessCode
from node.catalogue.browse import Connections, Found, FoundPage, Publisher
from node.catalogue.model import QUARANTINE, Query, Record
from node.dialogue.process import Exchange
from node.identity.credentials.admissions import IssuerView
from node.identity.flights import Flights
from node.identity.model import ApplicationState, Caller, UserRole
from node.negotiation.model import Agreement, Negotiation
from node.policy.document.rendering import render_body
from node.policy.model import Decision, Situation
from node.portal.portal import Portal
from node.portal.ports import (
    AccessMade,
    Agreed,
    Applied,
    Asked,
    Check,
    Conversation,
    Deliveries,
    IssuedTo,
    Member,
    NodeFacts,
    Quality,
    Stuck,
)
from node.portal.settings import PortalSettings
from node.semantics.documents import serialise
from node.semantics.quality import score
from node.transfer.model import Reception, Transfer
from node.vocab.namespaces import PREFIXES

_CHECKED: Final = 200
"""How many agreements of the list, the newest first, are judged; of older ones the page of each tells."""

_PATIENCE: Final = 2.0
"""Seconds that the list of agreements waits for status lists."""


def portal_for(node: HansaNode, openapi: Callable[[], dict[str, Any]]) -> Portal:
    """The pages of ``node``."""
    settings = node.parts.settings
    looks: dict[str, Any] = {}
    if settings.accent:
        looks["accent"] = settings.accent
    if settings.logo:
        looks["logo"] = settings.logo
    return Portal(
        PortalNode(node),
        node.callers.identify,
        PortalSettings(public_url=settings.public_url, name=settings.name, issuer=settings.issuer, **looks),
        openapi=openapi,
        clock=node.parts.clock,
        scenarios=ScenarioPages(node.scenarios, node.browse, me=node.parts.me, named=node.access.named),
    )


class PortalNode(AccountPages):
    """``node.portal.ports.Node`` over the use cases of a running node."""

    def __init__(self, node: HansaNode) -> None:
        required = node.parts.settings.second_factor == "required"
        super().__init__(node.people.accounts, node.people.sign_in, node.people.second_factor, required=required)
        self._node = node
        self._stores = node.parts.stores
        self._letters = node.letters
        self._issuer = IssuerView(node.parts.stores.uow, node.parts.stores.identity)
        self._proofs = node.proofs
        self._asking = Flights[str]()  # Two clicks at once are one question.

    # ---- the catalogue -----------------------------------------------------------------------------------------

    async def search(self, query: Query, caller: Caller) -> FoundPage:
        return await self._node.browse.search(query, caller)

    async def counts(self, caller: Caller) -> dict[str, int]:
        return await self._node.browse.counts(caller)

    async def newest(self, caller: Caller, limit: int, language: str) -> Sequence[Found]:
        return await self._node.browse.newest(caller, limit=limit, language=language)

    async def publishers(self, caller: Caller) -> Sequence[Publisher]:
        return await self._node.browse.publishers(caller)

    async def record(
        self, iri: str, caller: Caller, *, version: int | None = None, as_of: datetime | None = None
    ) -> Record:
        return await self._node.browse.record(iri, caller, version=version, as_of=as_of)

    async def versions(self, iri: str, caller: Caller) -> Sequence[Record]:
        return await self._node.browse.versions(iri, caller)

    async def access(self, record: Record, caller: Caller) -> AccessCode:
        return self._node.access.code(record, await self._standing_of(record, caller))

    async def decision_for(self, record: Record, caller: Caller) -> Decision | None:
        asking = await self._standing_of(record, caller)
        return await run_sync(lambda: self._node.access.decision(record, asking))

    async def _standing_of(self, record: Record, caller: Caller) -> Caller:
        """A person looks at others' assets for this node: what counts then is what this node holds."""
        if caller.is_person and record.origin != caller.did:
            return await self._node.ourselves.look()
        return caller

    async def conditions_in_words(self, record: Record, language: str) -> Sequence[str]:
        return self._node.access.sentences(record, language)

    async def rdf(self, record: Record, media_type: str) -> str:
        return (await run_sync(lambda: serialise(record.nquads, media_type, prefixes=PREFIXES))).decode("utf-8")

    async def quality(self, record: Record, caller: Caller) -> Quality | None:
        if record.kind != "dataset":
            return None
        kept = record.extra.get("score")
        if isinstance(kept, dict) and record.origin == self._node.parts.me:
            # Scored when it was published, with what was known of its own addresses then. What other nodes say of
            # their own quality is neither checked nor of a known form.
            return quality(kept)
        conforms = not any(warning.get("severity") == "violation" for warning in record.warnings)
        found = await run_sync(lambda: score(record.nquads, record.iri, conforms=conforms))
        return quality(found.to_json())

    async def connections(self, record: Record, caller: Caller) -> Connections:
        return await self._node.browse.connections(record, caller)

    async def head(self, record: Record, file: str, caller: Caller, limit: int) -> bytes | None:
        wanted = next((one for one in record.files if one.name == file and one.open), None)
        if wanted is None or record.origin != self._node.parts.me:
            return None
        body = bytearray()
        async for chunk in await self._opened(wanted.sha256, limit):
            body += chunk
        return bytes(body[:limit])

    async def _opened(self, sha256: str, limit: int) -> Any:
        opened = self._node.parts.assets.open(sha256, end=limit)
        return opened if hasattr(opened, "__aiter__") else await opened

    async def ask(self, record: Record, purpose: str | None, caller: Caller) -> str:
        require(caller, UserRole.STEWARD, UserRole.SIGNATORY)
        return await self._asking.join(repr((record.iri, purpose)), lambda: self._ask(record.iri, purpose))

    async def _ask(self, iri: str, purpose: str | None) -> str:
        acquire = self._node.protocol.acquire
        found = await acquire.conditions(iri, purpose=purpose)
        if found.running is not None and found.running_asks and found.running.purpose == purpose:
            return found.running.pid  # Asked twice, after a crash or by impatience: it is one question.
        return (await acquire.negotiate(found, purpose=purpose)).pid

    async def sparql(self, text: str, caller: Caller, accept: str) -> tuple[bytes, str]:
        return await self._node.ask(text, caller, accept)

    # ---- agreements and decisions ------------------------------------------------------------------------------

    async def agreements(self, caller: Caller) -> Sequence[Agreed]:
        require(caller)
        held = await run_sync(self._node.protocol.overview.agreements)
        consumers = {one.consumer for one in held[:_CHECKED] if not one.ended}
        looks = {did: asyncio.ensure_future(self._consumer(did)) for did in consumers}
        if looks:
            # Status lists are asked for; a list of agreements does not wait for an issuer that is slow.
            await asyncio.wait(looks.values(), timeout=_PATIENCE)
        for look in looks.values():
            look.cancel()
        checked = [looks.get(one.consumer) for one in held[:_CHECKED]]
        judged = list(zip_longest(held, checked))
        return await run_sync(lambda: [agreed(one, look, self._situation) for one, look in judged])

    async def agreement(self, agreement_id: str, caller: Caller) -> Agreed:
        require(caller)
        held = await run_sync(lambda: self._node.protocol.overview.agreement(agreement_id))
        look = asyncio.ensure_future(self._consumer(held.consumer))
        await asyncio.wait([look])
        return await run_sync(self._agreed, held, look)

    def _agreed(self, held: Agreement, look: asyncio.Future[Caller] | None) -> Agreed:
        spoken = self._node.protocol
        return agreed(
            held, look, self._situation, uses=spoken.overview.uses(held), deletion=spoken.deletions.of(held)
        )

    def _situation(self, consumer: Caller, held: Agreement) -> Situation:
        facts = self._node.protocol.overview.next_use(held)
        return self._node.situations.under_agreement(consumer, provider=held.provider, facts=facts)

    async def _consumer(self, did: str) -> Caller:
        """The consumer of an agreement with what it holds now. Raises ``NotAllowed`` where it is blocked here."""
        if did == self._node.parts.me:
            return await self._node.ourselves.look()
        return await self._node.people.participants.recheck(did)

    async def agreement_document(self, agreement_id: str, language: str | None) -> str:
        held = await run_sync(lambda: self._node.protocol.overview.agreement(agreement_id))
        return await run_sync(lambda: render_body(dict(held.body), language=language, signatures=held.signatures))

    async def confirm_deletion(self, agreement_id: str, caller: Caller) -> None:
        require(caller, UserRole.STEWARD, UserRole.SIGNATORY)
        await run_sync(self._node.protocol.deletions.confirm, agreement_id, caller.name)

    async def agreement_evidence(self, agreement_id: str, caller: Caller) -> bytes:
        require(caller)
        return await self._proofs.export(agreement_id)

    async def accesses(self, agreement_id: str, caller: Caller) -> Sequence[AccessMade]:
        require(caller)
        kept = await run_sync(lambda: self._node.protocol.overview.accesses(agreement_id))
        return [access_made(one) for one in reversed(kept)]

    async def transfers_under(self, agreement_id: str, caller: Caller) -> Sequence[Conversation]:
        require(caller)
        overview = self._node.protocol.overview

        def read() -> list[Conversation]:
            known = overview.transfers_under(overview.agreement(agreement_id))
            return [self._conversation(transfer, (), reception) for transfer, reception in known]

        return await run_sync(read)

    async def verify(self, agreement_id: str | None, caller: Caller) -> Sequence[Check]:
        require(caller)
        found = await (self._proofs.agreement(agreement_id) if agreement_id else self._proofs.own_ledger())
        return [Check(name={"en": one["what"]}, ok=one["sound"], detail=one["detail"]) for one in found]

    async def decisions(self, caller: Caller, language: str) -> Sequence[Asked]:
        require(caller)
        return [asked(one, language) for one in await run_sync(self._node.protocol.decisions.waiting)]

    async def decide(self, decision_id: str, approve: bool, reason: str, caller: Caller) -> None:
        require(caller, UserRole.STEWARD, UserRole.SIGNATORY)
        await self._node.protocol.decisions.decide(
            decision_id, approve=approve, by=caller.name, reason=reason or None
        )

    # ---- work ----------------------------------------------------------------------------------------------------

    async def processes(self, caller: Caller) -> Sequence[Conversation]:
        require(caller)
        overview = self._node.protocol.overview
        found: list[Negotiation | Transfer] = [
            *(await run_sync(overview.negotiations)),
            *(await run_sync(overview.transfers)),
        ]
        newest = sorted(found, key=lambda one: one.updated, reverse=True)
        return [await run_sync(lambda one=one: self._conversation(one)) for one in newest[:200]]  # type: ignore[misc]

    async def process(self, pid: str, caller: Caller) -> Conversation:
        require(caller)
        overview = self._node.protocol.overview

        def read() -> Conversation:
            try:
                negotiation, exchanges, decision = overview.negotiation(pid)
                return self._conversation(negotiation, exchanges, decision=decision is not None, detailed=True)
            except NotFound:
                transfer, exchanges, reception = overview.transfer(pid)
                return self._conversation(transfer, exchanges, reception, detailed=True)

        return await run_sync(read)

    def _conversation(
        self,
        process: Negotiation | Transfer,
        exchanges: Sequence[Exchange] = (),
        reception: Reception | None = None,
        *,
        detailed: bool = False,
        decision: bool = False,
    ) -> Conversation:
        with self._stores.uow.read() as tx:
            record = self._stores.records.get(tx, process.dataset)
            title, peer_name = agreed_names(process, lambda held: self._stores.agreements.get(tx, held))
        named = self._node.access.named(process.peer)
        return Conversation(
            process=process,
            peer_name=(peer_name if named == process.peer else "") or named,
            titles=record.titles if record else title,
            exchanges=tuple(exchanges),
            reception=reception,
            stuck=tuple(self._stuck(task) for task in self._letters.about(process.pid)) if detailed else (),
            decision=decision,
        )

    async def deliveries(self, caller: Caller) -> Deliveries:
        require(caller)
        waiting, dead = await run_sync(self._letters.waiting), await run_sync(self._letters.dead)
        return Deliveries(waiting=waiting, stuck=tuple(self._stuck(task) for task in dead))

    def _stuck(self, task: Task) -> Stuck:
        return Stuck(task=task, peer_name=self._node.access.named(task.lane.rpartition(" ")[2]))

    async def retry(self, task_id: str, caller: Caller) -> None:
        require(caller, UserRole.OPERATOR)
        if not await run_sync(lambda: self._letters.revive(task_id)):
            raise NotFound("there is no dead letter with this id")

    async def give_up(self, task_id: str, caller: Caller) -> None:
        require(caller, UserRole.OPERATOR)
        if not await run_sync(lambda: self._letters.give_up(task_id)):
            raise NotFound("there is no dead letter with this id")

    # ---- people and members --------------------------------------------------------------------------------------

    async def applications(self, caller: Caller) -> Sequence[Applied]:
        require(caller)
        found = sorted(await run_sync(self._issuer.applications), key=lambda one: one.decided_at is not None)
        return [
            Applied(
                application=one,
                name=str(one.accession.get("legalName") or one.holder),
                decision=one.id if one.state is ApplicationState.RECEIVED else "",
            )
            for one in found
        ]

    async def issued(self, caller: Caller) -> Sequence[IssuedTo]:
        require(caller)
        names = {
            application.holder: str(application.accession.get("legalName") or application.holder)
            for application in await run_sync(self._issuer.applications)
        }
        newest = sorted(await run_sync(self._issuer.issued), key=lambda one: one.at, reverse=True)
        return [IssuedTo(issued=one, name=names.get(one.holder, one.holder)) for one in newest]

    async def revoke(self, credential_id: str, reason: str, caller: Caller) -> None:
        require(caller, UserRole.SIGNATORY, UserRole.OPERATOR)
        issuing = self._node.people.issuing
        if issuing is None:
            raise NotFound("this node issues no credentials")
        await run_sync(lambda: issuing.revoke.revoke(credential_id, reason, caller.name))

    async def members(self, caller: Caller) -> Sequence[Member]:
        assets = await self._node.browse.origins(caller)

        def read() -> list[Any]:
            with self._stores.uow.read() as tx:
                return list(self._stores.followed.all(tx))

        blocked = {one.did: one.reason for one in await run_sync(self._node.people.blocks.all)}
        may_decide = caller.is_person and caller.may(UserRole.OPERATOR)
        return [
            Member(
                id=str(one.did or one.url),
                name=one.name,
                url=one.url,
                since=one.at,
                assets=assets.get(str(one.did)),
                blocked=blocked.get(str(one.did), ""),
                trouble=one.last_error or "",
                seen=one.seen,
                behind=0 if one.current else None,
                quarantined=one.state == QUARANTINE,
                evidence=f"hansa members evidence {word(one.url)}" if may_decide else "",
            )
            for one in await run_sync(read)
        ]

    async def node_facts(self) -> NodeFacts:
        parts = self._node.parts
        rulebook = await run_sync(self._node.rulebook)

        def read() -> tuple[int, datetime | None]:
            with self._stores.uow.read() as tx:
                checkpoint = self._stores.ledger.checkpoint(tx)
                return self._stores.ledger.size(tx), checkpoint.at if checkpoint else None

        entries, checkpoint_at = await run_sync(read)
        return NodeFacts(
            name=parts.settings.name,
            did=parts.me,
            url=parts.base,
            version=__version__,
            contact=parts.settings.contact,
            operator=parts.settings.name,
            rulebook=str(rulebook["iri"]) if rulebook else "",
            issuer=parts.settings.issuer,
            entries=entries,
            checkpoint_at=checkpoint_at,
            refuses_models=parts.cage.lacking,
        )
