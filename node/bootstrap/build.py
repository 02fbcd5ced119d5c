"""Making a node: parts, then use cases, then what runs by itself; ``application`` puts the doors on."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pluggy
from anyio.to_thread import run_sync

from node.adapters.egress import Lane
from node.base.clock import Clock
from node.base.delivery import Courier
from node.base.errors import Conflict, HansaError, InvalidInput, LocalFault, PeerUnreachable
from node.base.work import Task, Transaction
from node.bootstrap.parts import Note, Parts, open_parts
from node.bootstrap.people import Admissions, Ourselves, People, RulebookInForce, audience_rules, identity
from node.bootstrap.protocol import Protocol, protocol
from node.cage.cage import Cage
from node.catalogue.access import Access
from node.catalogue.browse import Browse
from node.catalogue.chains import Chains
from node.catalogue.dsp import DspCatalogue
from node.catalogue.feed import Feed
from node.catalogue.joining import Join
from node.catalogue.model import NodeFacts
from node.catalogue.publish import Catalogue, Publish, Withdraw
from node.catalogue.query import Ask
from node.catalogue.views import GraphView, SearchView
from node.catalogue.visibility import Visibility
from node.identity.did import base_url
from node.identity.model import Caller, UserRole
from node.ledger.usecases import Append, Prover, Sequencer
from node.negotiation import machine as negotiating
from node.negotiation.strategy import Strategy
from node.plugins import Host, load
from node.policy.model import Situation
from node.semantics.describe import describe
from node.semantics.model import Described, Submission
from node.settings import Settings
from node.transfer import machine as transferring
from node.transfer.strategy import Strategy as TransferStrategy
from node.transfer.usecases import RECEIVE_TOPIC
from node.web.callers import Authenticator, Callers
from node.worker.deliveries import PeerAnswer, SendMessages
from node.worker.loop import Again, Done, Handler, Never, Outcome, Worker
from node.worker.timers import Timer, keep
from node.worker.views import FollowLedger

THREADS = 32
FEED_PAGE = 32 << 20


@dataclass(kw_only=True)
class Wakes:
    """Who is woken when something was committed. Filled in as they come to be."""

    worker: Callable[[], None] | None = None
    ledger: Callable[[], None] | None = None

    def wake_worker(self) -> None:
        """There may be something to send."""
        if self.worker is not None:
            self.worker()

    def wake_ledger(self) -> None:
        """There is something to follow."""
        if self.ledger is not None:
            self.ledger()


@dataclass(kw_only=True)
class HansaNode:
    """A node. ``start`` brings it up inside the running event loop, ``stop`` ends it within a bounded time."""

    parts: Parts
    people: People
    protocol: Protocol
    node: NodeFacts
    visibility: Visibility
    access: Access
    browse: Browse
    publish: Publish
    withdraw: Withdraw
    ask: Ask
    feed: Feed
    dsp_catalogue: DspCatalogue
    join: Join
    prover: Prover
    callers: Callers
    ourselves: Ourselves
    rulebook: RulebookInForce
    worker: Worker
    following: FollowLedger
    host: Host
    plugins: pluggy.PluginManager
    timers: list[Timer]
    with_worker: bool = True
    _tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    async def start(self) -> None:
        """Bring it up: cage, views, worker, timers."""
        loop = asyncio.get_running_loop()
        # Handlers wait for the database in threads; the loop's own pool would be six threads on two processors.
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="hansa"))
        await self.parts.cage.start()
        await self.people.wallet.refresh()
        self._tasks.append(asyncio.create_task(self.following.run(), name="views"))
        if self.with_worker:
            self._tasks.append(asyncio.create_task(self.worker.run(), name="worker"))
            self._tasks.append(asyncio.create_task(keep(self.timers), name="timers"))
            for found in self.plugins.hook.hansa_tasks(host=self.host):
                self._tasks += [asyncio.create_task(work(), name=name) for name, work in found]

    async def stop(self) -> None:
        """Finish what runs, hand back the leases, close everything."""
        await self.worker.stop()
        self.following.stop()
        for task in self._tasks:
            if task.get_name() not in ("views", "worker"):
                task.cancel()
        await asyncio.wait(self._tasks, timeout=5)
        for task in self._tasks:
            task.cancel()
        await self.parts.egress.close()
        await self.parts.cage.stop()
        self.parts.stores.uow.close()

    def health(self) -> dict[str, str]:
        """What is wrong, by name; empty when all is well."""
        wrong = {}
        for task in self._tasks:
            if task.done() and not task.cancelled():
                wrong[task.get_name()] = f"ended: {task.exception()}"
        if self.worker.failed:
            wrong["outbox"] = self.worker.failed
        if self.following.failed:
            wrong["views"] = self.following.failed
        return wrong


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    cage: Cage | None = None,
    authenticators: tuple[Authenticator, ...] = (),
    strategy: Strategy | None = None,
    transfer_strategy: TransferStrategy | None = None,
    with_worker: bool = True,
) -> HansaNode:
    """Make a node from its settings. What is given replaces the standard part.

    Raises ``LocalFault`` where the data folder, the keys or the database are not as they must be.
    """
    parts = open_parts(settings, clock=clock, cage=cage)
    stores, wakes = parts.stores, Wakes()
    append = Append(stores.ledger)
    note = Note(append, parts.clock, wakes.wake_ledger)
    courier = Courier(stores.outbox, wakes.wake_worker)
    people = identity(parts, note)
    ourselves = Ourselves(parts.me, people.wallet)
    rulebook_in_force = RulebookInForce(parts, people)
    visibility = Visibility(lambda: audience_rules(parts, people.trust), parts.me)
    plugins = load(settings.plugins)
    hosts: list[Host] = []

    async def tell_admitted(holder: str, by: str) -> None:
        address = base_url(holder, allow_loopback_http=settings.allow_loopback)
        person = Caller(did=parts.me, account=by, roles=frozenset({UserRole.OPERATOR}))
        for told in plugins.hook.hansa_admitted(host=hosts[0], address=address, by=person):
            await told

    admissions = (
        Admissions(parts, people.issuing, wake=wakes.wake_worker, admitted=tell_admitted) if people.issuing else None
    )
    spoken = protocol(
        parts,
        people,
        note=note,
        courier=courier,
        visibility=visibility,
        ourselves=ourselves,
        admissions=admissions,
        rulebook_in_force=rulebook_in_force,
        strategy=strategy,
        transfers_strategy=transfer_strategy,
    )
    with stores.uow.read() as tx:
        epoch = stores.meta.epoch(tx)
    node = NodeFacts(
        did=parts.me,
        name=settings.name,
        base=parts.base,
        dsp=parts.dsp_address,
        region=people.allegiance.region or None,
        epoch=epoch,
    )
    access = Access(
        clock=parts.clock,
        situation=_situation(people, rulebook_in_force),
        names=lambda: {**people.allegiance.names, parts.me: settings.name},
    )
    ask = Ask(graph=parts.graph, uow=stores.uow, records=stores.records, visibility=visibility)
    browse = Browse(
        uow=stores.uow, records=stores.records, index=parts.index, visibility=visibility, access=access, ask=ask
    )
    chains = Chains(me=parts.me, epoch=epoch)
    following = FollowLedger(
        uow=stores.uow,
        ledger=stores.ledger,
        sequencer=Sequencer(stores.uow, stores.ledger, parts.keyring, parts.clock, parts.log_name),
        views=[
            chains,
            GraphView(uow=stores.uow, records=stores.records, graph=parts.graph),
            SearchView(uow=stores.uow, records=stores.records, index=parts.index),
        ],
    )
    wakes.ledger = following.wake
    settled = following.reflected if settings.wait_for_views else None

    async def described(submission: Submission) -> Described:
        return await describe(
            parts.cage,
            submission,
            base=parts.base,
            me=parts.me,
            my_name=settings.name,
            language=settings.languages[0],
            advised=settings.advised_profiles,
            enforced=settings.enforced_profiles,
        )

    catalogue = Catalogue(
        uow=stores.uow,
        append=note.append,
        records=stores.records,
        keyring=parts.keyring,
        clock=parts.clock,
        node=node,
        region=lambda: people.allegiance.region or (parts.me if settings.issuer else None),
    )
    worker = Worker(
        uow=stores.uow,
        outbox=stores.outbox,
        handlers=_handlers(parts, people, spoken),
        clock=parts.clock,
        instance=secrets.token_hex(8),
        embedded=settings.embedded,
    )
    wakes.worker = worker.wake

    async def get_json(url: str) -> dict[str, Any]:
        answer = await parts.egress.request("GET", url, headers={"Accept": "application/json"}, lane=Lane.MESSAGES)
        if not answer.ok:
            raise PeerUnreachable(f"{url} answers {answer.status}")
        document = answer.json()
        if not isinstance(document, dict):
            raise PeerUnreachable(f"{url} does not answer an object")
        return document

    async def fetch(url: str, headers: Mapping[str, str], *, audience: str) -> tuple[int, Mapping[str, str], bytes]:
        token = people.tokens.bearer(audience)
        answer = await parts.egress.request(
            "GET",
            url,
            headers={**headers, "Authorization": f"Bearer {token}"},
            lane=Lane.MESSAGES,
            max_bytes=FEED_PAGE,
            allow_redirects=0,
        )
        return answer.status, answer.headers, answer.body

    callers = Callers(people.participants, people.persons, authenticators=authenticators, origin=parts.base)
    host = Host(
        uow=stores.uow,
        clock=parts.clock,
        records=stores.records,
        follows=stores.followed,
        append=note.append,
        peers=people.peers,
        fetch=fetch,
        browse=browse,
        did=parts.me,
        base=parts.base,
        polling=settings.follow_seconds,
        identify=callers.identify,
        changed=following.wake,
    )
    hosts.append(host)
    return HansaNode(
        parts=parts,
        people=people,
        protocol=spoken,
        node=node,
        visibility=visibility,
        access=access,
        browse=browse,
        publish=Publish(
            catalogue=catalogue,
            describe=described,
            has_asset=parts.assets.has,
            visibility=visibility,
            settled=settled,
        ),
        withdraw=Withdraw(catalogue=catalogue, settled=settled),
        ask=ask,
        feed=Feed(
            uow=stores.uow,
            records=stores.records,
            chains=chains,
            visibility=visibility,
            keyring=parts.keyring,
            clock=parts.clock,
            node=node,
            numbered=stores.ledger.size,
        ),
        dsp_catalogue=DspCatalogue(uow=stores.uow, records=stores.records, visibility=visibility, node=node),
        join=Join(
            requests=people.requests,
            allegiance=people.allegiance,
            get_json=get_json,
            legal_name=settings.name,
            contact=settings.contact,
        ),
        prover=Prover(stores.uow, stores.ledger),
        callers=callers,
        ourselves=ourselves,
        rulebook=rulebook_in_force,
        worker=worker,
        following=following,
        host=host,
        plugins=plugins,
        timers=_timers(parts, spoken),
        with_worker=with_worker,
    )


def _situation(people: People, rulebook_in_force: RulebookInForce) -> Callable[..., Situation]:
    def situation(caller: Caller, at: Any, provider: str) -> Situation:
        rulebook = rulebook_in_force()
        return Situation(
            caller=caller,
            at=at,
            provider=provider,
            rulebook=str(rulebook["iri"]) if rulebook else None,
            issuers=people.trust.to_json(),
        )

    return situation


def _handlers(parts: Parts, people: People, spoken: Protocol) -> dict[str, Handler]:
    async def post(url: str, body: bytes, *, audience: str) -> PeerAnswer:
        answer = await parts.egress.request(
            "POST",
            url,
            headers={
                "Authorization": f"Bearer {people.tokens.bearer(audience)}",
                "Content-Type": "application/json",
            },
            body=body,
            lane=Lane.MESSAGES,
            timeout=20,
        )
        return PeerAnswer(answer.status, answer.body)

    async def receive(task: Task) -> Outcome:
        """Fetch the bytes of one transfer, however often it takes."""
        stores = parts.stores

        def find() -> Any:
            with stores.uow.read() as tx:
                return stores.transfers.get(tx, task.subject)

        transfer = await run_sync(find)
        if transfer is None or transfer.state in transferring.TABLE.terminal:
            return Done()
        try:
            reception = await spoken.receive.run(transfer)
        except (PeerUnreachable, Conflict, LocalFault) as error:
            return Again(error.detail, lane_down=isinstance(error, PeerUnreachable))
        if reception.state not in ("done", "failed"):
            return Done()

        def tell(tx: Transaction) -> None:
            spoken.transfers.finished(tx, task.subject, reception)

        return Done(tell)

    async def credential(task: Task) -> Outcome:
        try:
            await people.deliver.deliver(task)
        except PeerUnreachable as error:
            return Again(error.detail, lane_down=True)
        except (Conflict, InvalidInput) as error:
            return Never(error.detail)
        except HansaError as error:
            return Again(error.detail)
        return Done()

    send = SendMessages(
        post=post,
        protocols={
            negotiating.TABLE.name: spoken.negotiations,
            transferring.TABLE.name: spoken.transfers,
        },
        clock=parts.clock,
    )
    return {"dsp": send, RECEIVE_TOPIC: receive, "credential": credential}


def _timers(parts: Parts, spoken: Protocol) -> list[Timer]:
    stores = parts.stores

    async def forget_jtis() -> int:
        def forget() -> int:
            with stores.uow.begin() as tx:
                return stores.identity.forget_jtis(tx, parts.clock.now())

        return await run_sync(forget)

    async def rest() -> bool:
        return await run_sync(parts.graph.rest)

    return [
        Timer("idle graph", 30.0, rest),
        Timer("used tokens", 300.0, forget_jtis),
        Timer("late decisions", 60.0, spoken.decisions.expire),
    ]
