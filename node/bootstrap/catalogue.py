"""Puts the catalogue together: publishing, finding, the views that follow the ledger, the feed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from node.adapters.chain_snapshot import ChainSnapshot
from node.adapters.peers.sources import WebSources
from node.adapters.reasoner.hermit import HermitReasoner
from node.adapters.search.stems import stem_phrase
from node.adapters.signed_head import SignedHead
from node.adapters.sql.node_state import History
from node.bootstrap.drafts import dataset_drafts
from node.bootstrap.foundation import Foundation
from node.bootstrap.links import LinkParts, link_parts, profile_overview, quality_history
from node.bootstrap.parts import Parts
from node.bootstrap.region import own_place, read_region
from node.bootstrap.reports import harvest_schedules, report_sender
from node.bootstrap.semantics import MeaningServices, meaning_services
from node.catalogue.access import Access
from node.catalogue.accession import Join
from node.catalogue.browse import Browse
from node.catalogue.drafts.contradictions import BRIEF, contradictions
from node.catalogue.drafts.import_gaps import import_gaps
from node.catalogue.drafts.joint_changes import ChangeSeveral
from node.catalogue.drafts.usecases import DatasetDrafts
from node.catalogue.dsp import DspCatalogue, FollowedMembers, Member
from node.catalogue.export.catalog import CatalogExport
from node.catalogue.feed.chains import Chains
from node.catalogue.feed.pages import Feed
from node.catalogue.feed.waits import Waits
from node.catalogue.harvest.harvests import Harvest
from node.catalogue.harvest.imports import Import
from node.catalogue.harvest.scheduled_runs import ScheduledRuns
from node.catalogue.harvest.schedules import Schedules
from node.catalogue.harvest.source_state import SourceStates
from node.catalogue.harvest.value_tables import ValueTables
from node.catalogue.inspection import Inspect
from node.catalogue.meaning.strictness import REFUSE, WARN
from node.catalogue.measurement.history import QualityHistory
from node.catalogue.measurement.profiles import ProfileOverview
from node.catalogue.model import NodeFacts
from node.catalogue.publication.catalogue import Catalogue, Settled
from node.catalogue.publication.erase import EraseVersions
from node.catalogue.publication.part_check import CheckPart
from node.catalogue.publication.part_preview import PreviewPart
from node.catalogue.publication.publish import Publish
from node.catalogue.publication.submission_check import SubmissionCheck
from node.catalogue.publication.version_writer import VersionWriter
from node.catalogue.publication.withdraw import Withdraw
from node.catalogue.query import Ask
from node.catalogue.search.cursors import Cursors
from node.catalogue.search.thesauri import Thesauri
from node.catalogue.subscriptions.harvest_reports import SendReports
from node.catalogue.versions.storage import VersionStorage
from node.catalogue.views import GraphView, SearchView
from node.ledger.usecases import Sequencer
from node.scenarios.models.publication import DescribeWithCode, stored_code
from node.scenarios.transformations.publication import TransformationCheck
from node.scenarios.transformations.transformer import Transformer
from node.semantics.description.cage_client import DescribeOptions, describe, describe_all
from node.semantics.profiles.table_queries_client import StoredQuestions
from node.semantics.schemas.file_check import FileCheck
from node.semantics.validation.profiles import references
from node.worker.follower import View
from node.worker.views import FollowLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationParts:
    """The parts for publishing: drafts on pages, publication, withdrawal."""

    drafts: DatasetDrafts
    change_several: ChangeSeveral
    meaning: MeaningServices
    publish: Publish
    withdraw: Withdraw
    erase: EraseVersions
    versions: VersionStorage
    quality: QualityHistory
    profiles: ProfileOverview
    links: LinkParts
    preview_part: PreviewPart


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestParts:
    """The parts for catalogues of others: imports by hand, harvests, and those on a schedule."""

    imports: Import
    harvest: Harvest
    schedules: Schedules
    reports: SendReports
    scheduled_runs: ScheduledRuns


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueServices:
    """All parts for assets and for finding them."""

    node: NodeFacts
    access: Access
    ask: Ask
    browse: Browse
    publication: PublicationParts
    harvests: HarvestParts
    feed: Feed
    following: FollowLedger
    chains: Chains
    dsp: DspCatalogue
    export: CatalogExport
    join: Join


def catalogue_services(
    base: Foundation, *, with_views: bool, portions_of: Callable[[str], frozenset[str] | None]
) -> CatalogueServices:
    """Put the catalogue together. Without ``with_views`` graph, search and feed stay closed."""
    parts, people = base.parts, base.people
    stores, settings = parts.stores, parts.settings
    history = stores.meta.history(stores.uow)
    node = NodeFacts(
        did=parts.me,
        name=settings.name,
        base=parts.base,
        dsp=parts.dsp_address,
        region=people.allegiance.region or None,
        epoch=history.epoch,
    )
    access = Access(
        clock=parts.clock,
        situation=base.situations.of_asking,
        names=lambda: {**people.allegiance.names, parts.me: settings.name},
    )
    waits = Waits(base.commit_hooks.changes)
    chains = _chains(parts, history, waits)
    following = _following(parts, chains, with_views=with_views)
    ask = Ask(
        graph=parts.graph,
        uow=stores.uow,
        records=stores.catalogue.records,
        visibility=base.visibility,
        at_once=settings.query_concurrency,
        is_filling=lambda: following.is_filling(GraphView.name),
    )
    base.commit_hooks.ledger = following.wake
    versions = VersionStorage(append=base.append, erase=stores.ledger.erase, records=stores.catalogue.records)
    catalogue = Catalogue(
        uow=stores.uow,
        versions=versions,
        records=stores.catalogue.records,
        keyring=parts.keyring,
        clock=parts.clock,
        node=node,
        region=lambda: people.allegiance.authority,
        gallery=base.templates.gallery,
    )
    waiter = following.wait_for if settings.wait_for_views else None
    members = FollowedMembers(stores.uow, stores.catalogue.follows, people.blocks) if settings.issuer else tuple
    advised_profiles = references(settings.advised_profiles, settings.folder)
    harvest = _harvest(base, _imports(base, catalogue, waiter, advised_profiles), catalogue)
    browse = _browse(base, access, ask, following)
    publish = _publish(base, catalogue, waiter, advised_profiles, browse, portions_of)
    drafts = dataset_drafts(base, catalogue, publish, browse)
    return CatalogueServices(
        node=node,
        access=access,
        ask=ask,
        browse=browse,
        publication=PublicationParts(
            drafts=drafts,
            change_several=ChangeSeveral(drafts=drafts, publish=publish, access=access),
            meaning=meaning_services(base, browse, publish),
            profiles=profile_overview(settings),
            quality=quality_history(parts),
            links=link_parts(parts),
            publish=publish,
            withdraw=Withdraw(catalogue=catalogue, wait_for_views=waiter),
            versions=versions,
            erase=_erase(base, catalogue, waiter),
            preview_part=PreviewPart(StoredQuestions(parts.cage, parts.assets.place), parts.assets.has),
        ),
        harvests=_harvests(base, harvest),
        feed=_feed(base, chains, waits, node),
        following=following,
        chains=chains,
        dsp=DspCatalogue(
            uow=stores.uow, records=stores.catalogue.records, visibility=base.visibility, node=node, members=members
        ),
        export=_export(base, node, members),
        join=_join(base),
    )


def _chains(parts: Parts, history: History, waits: Waits) -> Chains:
    stores = parts.stores
    snapshot = ChainSnapshot(
        parts.settings.folder, me=parts.me, epoch=history.epoch, uow=stores.uow, ledger=stores.ledger
    )
    return Chains(
        me=parts.me, epoch=history.epoch, restarts=history.restarts, snapshots=snapshot, report_change=waits.tell
    )


def _feed(base: Foundation, chains: Chains, waits: Waits, node: NodeFacts) -> Feed:
    parts, stores = base.parts, base.parts.stores
    return Feed(
        uow=stores.uow,
        records=stores.catalogue.records,
        chains=chains,
        visibility=base.visibility,
        keyring=parts.keyring,
        clock=parts.clock,
        node=node,
        waits=waits,
        ledger_size=stores.ledger.size,
        place=own_place(base).read,
    )


def _browse(base: Foundation, access: Access, ask: Ask, following: FollowLedger) -> Browse:
    stores = base.parts.stores
    return Browse(
        uow=stores.uow,
        records=stores.catalogue.records,
        index=base.parts.index,
        visibility=base.visibility,
        access=access,
        cursors=Cursors(base.parts.keyring),
        ask=ask,
        thesauri=Thesauri(base.parts.settings.folder),
        stem=stem_phrase,
        is_filling=lambda: following.is_filling(SearchView.name),
    )


def _following(parts: Parts, chains: Chains, *, with_views: bool) -> FollowLedger:
    """Return the sequencer, and the views that follow it."""
    stores = parts.stores
    views: list[View] = [
        chains,
        GraphView(uow=stores.uow, records=stores.catalogue.records, graph=parts.graph),
        SearchView(uow=stores.uow, records=stores.catalogue.records, index=parts.index, me=parts.me),
    ]
    return FollowLedger(
        uow=stores.uow,
        ledger=stores.ledger,
        sequencer=Sequencer(
            stores.uow,
            stores.ledger,
            parts.keyring,
            parts.clock,
            parts.log_name,
            on_checkpoint=SignedHead(parts.settings.folder).keep,
        ),
        views=views if with_views else [],
    )


def _imports(
    base: Foundation, catalogue: Catalogue, wait_for_views: Settled | None, advised_profiles: Sequence[str]
) -> Import:
    return Import(
        cage=base.parts.cage,
        catalogue=catalogue,
        visibility=base.visibility,
        wait_for_views=wait_for_views,
        advised_profiles=advised_profiles,
        notes=base.parts.stores.meta,
        value_tables=ValueTables(
            base.parts.stores.uow,
            base.parts.stores.catalogue.value_tables,
            base.parts.stores.catalogue.schedules,
            base.parts.clock,
        ),
    )


def _join(base: Foundation) -> Join:
    parts, people = base.parts, base.people
    return Join(
        requests=people.requests,
        allegiance=people.allegiance,
        region=read_region(base),
        legal_name=parts.settings.name,
        contact=parts.settings.contact,
    )


def _export(base: Foundation, node: NodeFacts, members: Callable[[], Sequence[Member]]) -> CatalogExport:
    stores = base.parts.stores
    return CatalogExport(
        uow=stores.uow, records=stores.catalogue.records, visibility=base.visibility, node=node, members=members
    )


def _harvest(base: Foundation, imports: Import, catalogue: Catalogue) -> Harvest:
    parts = base.parts
    return Harvest(
        imports=imports,
        catalogue=catalogue,
        states=SourceStates(parts.stores.uow, parts.stores.meta),
        get=WebSources(parts.egress).get,
    )


def _harvests(base: Foundation, harvest: Harvest) -> HarvestParts:
    schedules = harvest_schedules(base, harvest)
    return HarvestParts(
        imports=harvest.imports,
        harvest=harvest,
        schedules=schedules,
        reports=report_sender(base, schedules),
        scheduled_runs=_scheduled_runs(base, harvest),
    )


def _erase(base: Foundation, catalogue: Catalogue, waiter: Settled | None) -> EraseVersions:
    parts = base.parts
    return EraseVersions(catalogue=catalogue, ledger=parts.stores.ledger, assets=parts.assets, wait_for_views=waiter)


def _scheduled_runs(base: Foundation, harvest: Harvest) -> ScheduledRuns:
    parts = base.parts
    return ScheduledRuns(
        uow=parts.stores.uow,
        store=parts.stores.catalogue.schedules,
        harvest=harvest,
        clock=parts.clock,
        acting=base.people.users.persons.by_account,
    )


def _publish(
    base: Foundation,
    catalogue: Catalogue,
    wait_for_views: Settled | None,
    advised_profiles: Sequence[str],
    browse: Browse,
    portions_of: Callable[[str], frozenset[str] | None],
) -> Publish:
    parts, settings = base.parts, base.parts.settings
    options = DescribeOptions(
        base=parts.base,
        me=parts.me,
        my_name=settings.name,
        language=settings.languages[0],
        advised=advised_profiles,
        enforced=references(settings.enforced_profiles, settings.folder),
        asks_assessment=settings.impact_assessments,
    )
    describe_with_code = DescribeWithCode(
        partial(describe, parts.cage, **options),
        partial(describe_all, parts.cage, **options),
        cage=parts.cage,
        code=stored_code(parts.assets),
    )
    return Publish(
        check=SubmissionCheck(
            catalogue=catalogue,
            has_asset=parts.assets.hold,
            renew_asset=parts.assets.renew,
            visibility=base.visibility,
            portions_of=portions_of,
            inspect=Inspect(
                uow=parts.stores.uow,
                records=parts.stores.catalogue.records,
                open_file=parts.assets.file,
                place=parts.assets.place,
                check=FileCheck(parts.cage),
                further=TransformationCheck(
                    uow=parts.stores.uow,
                    records=parts.stores.catalogue.records,
                    transformer=Transformer(parts.cage),
                ),
                part=CheckPart(parts.cage, parts.assets.place),
                contradictions=partial(
                    contradictions, reasoner=HermitReasoner(seconds=BRIEF), imports=browse.imports
                ),
                imports=partial(import_gaps, imports=browse.imports),
                default=REFUSE if settings.wrong_data == "refuse" else WARN,
            ),
        ),
        writer=VersionWriter(catalogue),
        describe=describe_with_code,
        describe_all=describe_with_code.describe_all,
        impact=browse.impacts.of_draft,
        wait_for_views=wait_for_views,
    )
