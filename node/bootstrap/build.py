"""Making a node: parts, then use cases, then what runs by itself; ``application`` puts the doors on."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from node.base.changes import Changes
from node.base.clock import Clock
from node.base.delivery import Courier
from node.bootstrap.correspondence import Correspondence, Documents, Outgoing
from node.bootstrap.keeping import change_keys
from node.bootstrap.models import model_services
from node.bootstrap.node import HansaNode
from node.bootstrap.outside import Outside
from node.bootstrap.parts import Note, Parts, open_parts
from node.bootstrap.people import Admissions, Ourselves, People, RulebookInForce, audience_rules, identity
from node.bootstrap.protocol import protocol
from node.bootstrap.scenarios import scenarios
from node.bootstrap.situations import Situations
from node.bootstrap.soundness import SignedHead, require_newest, require_undamaged
from node.bootstrap.tasks import LENGTHY, NARROW, handlers, remains, timers
from node.cage.cage import Cage
from node.catalogue.access import Access
from node.catalogue.browse import Browse
from node.catalogue.dsp import DspCatalogue, Member
from node.catalogue.feed.chains import Chains
from node.catalogue.feed.pages import Feed
from node.catalogue.inspecting import Inspect
from node.catalogue.joining import Join
from node.catalogue.model import NodeFacts
from node.catalogue.publish import Catalogue, Publish, Withdraw
from node.catalogue.query import Ask
from node.catalogue.views import GraphView, SearchView
from node.catalogue.visibility import Visibility
from node.identity.did import base_url
from node.identity.model import Caller, UserRole
from node.ledger.usecases import Append, Prover, Sequencer
from node.negotiation.strategy import StandardStrategy, Strategy
from node.plugins import Host, load, strategy_of
from node.scenarios.models.publication import DescribeWithCode, stored_code
from node.semantics.description.door import describe
from node.semantics.model import Described, Submission
from node.semantics.schemas.patterns import Patterns
from node.settings import Settings
from node.transfer.strategy import Strategy as TransferStrategy
from node.web.callers import Authenticator, Callers
from node.worker.loop import Pace, Worker
from node.worker.views import FollowLedger


@dataclass(kw_only=True)
class Wakes:
    """Who is woken when something was committed. Filled in as they come to be."""

    changes: Changes = field(default_factory=Changes)
    worker: Callable[[], None] | None = None
    ledger: Callable[[], None] | None = None

    def wake_worker(self) -> None:
        """There may be something to send."""
        if self.worker is not None:
            self.worker()
        self.changes.tell()

    def wake_ledger(self) -> None:
        """There is something to follow."""
        if self.ledger is not None:
            self.ledger()
        self.changes.tell()


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    cage: Cage | None = None,
    authenticators: tuple[Authenticator, ...] = (),
    strategy: Strategy | None = None,
    transfer_strategy: TransferStrategy | None = None,
    outgoing: Outgoing | None = None,
    documents: Documents | None = None,
    with_worker: bool = True,
    with_views: bool = True,
) -> HansaNode:
    """Make a node from its settings. What is given replaces the standard part; ``authenticators``, ``outgoing`` and
    ``documents`` are for participants that prove themselves otherwise (``node.bootstrap.correspondence``).

    Without ``with_views`` graph, search and feed stay closed: they belong to the process that answers from them.
    Raises ``LocalFault`` where the data folder, the keys or the database are not as they must be.
    """
    require_undamaged(settings)
    parts = open_parts(settings, clock=clock, cage=cage)
    require_newest(settings, parts.stores, parts.log_keys)
    stores, wakes = parts.stores, Wakes()
    append = Append(stores.ledger)
    note = Note(append, parts.clock, wakes.wake_ledger)
    courier = Courier(stores.outbox, wakes.wake_worker)
    people = identity(parts, note)
    keys = change_keys(stores, parts.keyring, note, parts.clock)
    keys.settle()  # What was changed before this start, and the ledger was not told of.
    ourselves = Ourselves(parts.me, people.wallet)
    rulebook_in_force = RulebookInForce(parts, people)
    situations = Situations(
        trust=people.trust, rulebook=rulebook_in_force, ourselves=ourselves, clock=parts.clock, me=parts.me
    )
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
        correspondence=Correspondence(people, outgoing=outgoing, documents=documents),
        visibility=visibility,
        ourselves=ourselves,
        admissions=admissions,
        rulebook_in_force=rulebook_in_force,
        situations=situations,
        strategy=strategy or strategy_of(plugins, StandardStrategy()),
        transfers_strategy=transfer_strategy,
    )
    models = model_services(
        parts,
        people,
        spoken,
        note=note,
        courier=courier,
        visibility=visibility,
        ourselves=ourselves,
        situations=situations,
        changes=wakes.changes,
        tell=wakes.changes.tell,
    )
    with stores.uow.read() as tx:
        epoch, restarts = stores.meta.epoch(tx), stores.meta.restarts(tx)
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
        situation=situations.of_asking,
        names=lambda: {**people.allegiance.names, parts.me: settings.name},
    )
    ask = Ask(
        graph=parts.graph,
        uow=stores.uow,
        records=stores.records,
        visibility=visibility,
        at_once=parts.settings.query_concurrency,
    )
    browse = Browse(
        uow=stores.uow, records=stores.records, index=parts.index, visibility=visibility, access=access, ask=ask
    )
    chains = Chains(me=parts.me, epoch=epoch, restarts=restarts)
    following = FollowLedger(
        uow=stores.uow,
        ledger=stores.ledger,
        sequencer=Sequencer(
            stores.uow,
            stores.ledger,
            parts.keyring,
            parts.clock,
            parts.log_name,
            signed=SignedHead(settings.folder).keep,
        ),
        views=[
            chains,
            GraphView(uow=stores.uow, records=stores.records, graph=parts.graph),
            SearchView(uow=stores.uow, records=stores.records, index=parts.index),
        ]
        if with_views
        else [],
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

    outside = Outside(parts.egress, people.tokens)
    catalogue = Catalogue(
        uow=stores.uow,
        append=note.append,
        records=stores.records,
        keyring=parts.keyring,
        clock=parts.clock,
        node=node,
        region=lambda: people.allegiance.authority,
    )
    publish = Publish(
        catalogue=catalogue,
        describe=DescribeWithCode(described, cage=parts.cage, code=stored_code(parts.assets)),
        has_asset=parts.assets.has,
        visibility=visibility,
        settled=settled,
        inspect=Inspect(
            uow=stores.uow,
            records=stores.records,
            opened=parts.assets.file,
            patterns=lambda: Patterns(parts.cage),
        ),
    )
    acted = scenarios(
        parts,
        people,
        models,
        browse=browse,
        note=note,
        courier=courier,
        ourselves=ourselves,
        situations=situations,
        publish=publish,
        region=catalogue.region,
        fetch=outside.fetch,
        tell=wakes.changes.tell,
    )
    pace = Pace(lease=settings.lease_seconds)
    worker = Worker(
        uow=stores.uow,
        outbox=stores.outbox,
        handlers=handlers(parts, people, spoken, models, acted),
        clock=parts.clock,
        instance=secrets.token_hex(8),
        pace=pace,
        embedded=settings.embedded,
        lengthy=LENGTHY,
        narrow=NARROW,
        remains=remains,
    )
    wakes.worker = worker.wake

    callers = Callers(
        people.participants,
        people.persons,
        authenticators=authenticators,
        welcome=people.blocks.require_welcome,
        origin=parts.base,
    )
    host = Host(
        uow=stores.uow,
        clock=parts.clock,
        records=stores.records,
        follows=stores.followed,
        append=note.append,
        peers=people.peers,
        fetch=outside.fetch,
        browse=browse,
        did=parts.me,
        base=parts.base,
        polling=settings.follow_seconds,
        followed_records=settings.followed_records,
        followed_bytes=settings.followed_bytes,
        identify=callers.identify,
        changed=following.wake,
        audiences=visibility.audiences,
        region=_region(people, parts.me, allow_loopback=settings.allow_loopback),
    )
    hosts.append(host)
    return HansaNode(
        parts=parts,
        people=people,
        protocol=spoken,
        models=models,
        scenarios=acted,
        node=node,
        visibility=visibility,
        access=access,
        browse=browse,
        publish=publish,
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
        dsp_catalogue=DspCatalogue(
            uow=stores.uow,
            records=stores.records,
            visibility=visibility,
            node=node,
            members=_members(parts, people) if settings.issuer else tuple,
        ),
        join=Join(
            requests=people.requests,
            allegiance=people.allegiance,
            get_json=outside.json,
            legal_name=settings.name,
            contact=settings.contact,
            address=lambda did: base_url(did, allow_loopback_http=settings.allow_loopback),
        ),
        prover=Prover(stores.uow, stores.ledger),
        keys=keys,
        callers=callers,
        ourselves=ourselves,
        rulebook=rulebook_in_force,
        situations=situations,
        worker=worker,
        following=following,
        changes=wakes.changes,
        host=host,
        plugins=plugins,
        timers=timers(parts, spoken, pace, wakes.wake_worker),
        with_worker=with_worker,
    )


def _region(people: People, me: str, *, allow_loopback: bool) -> Callable[[], tuple[str, str] | None]:
    """(URL, DID) of the region that the node has joined, if that is another node.

    Read anew each time: a node may join while it runs.
    """

    def read() -> tuple[str, str] | None:
        did = people.allegiance.region
        return (base_url(did, allow_loopback_http=allow_loopback), did) if did and did != me else None

    return read


def _members(parts: Parts, people: People) -> Callable[[], list[Member]]:
    """The nodes that a region follows and has not blocked: their catalogues are nested in its own."""

    def read() -> list[Member]:
        blocked = {one.did for one in people.blocks.all()}
        with parts.stores.uow.read() as tx:
            followed = parts.stores.followed.all(tx)
        return [
            Member(did=one.did, name=one.name, url=one.url)
            for one in followed
            if one.did is not None and one.did not in blocked
        ]

    return read
