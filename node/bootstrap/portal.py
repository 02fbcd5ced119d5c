"""Puts the portal together: its pages over the use cases of a node."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from node import __version__
from node.bootstrap.node import HansaNode
from node.catalogue.drafts.viewpoints import Viewpoints
from node.catalogue.region.search import SearchRegion
from node.identity.credentials.admissions import IssuerView
from node.identity.replacement import ReplaceKeys
from node.operation.questions import AssetTitles
from node.policy.portion import ENFORCED
from node.portal.map_files import built_files
from node.portal.portal import Portal
from node.portal.settings import ACCENT, PortalSettings
from node.portal.usecases import (
    CatalogueUseCases,
    ChangeUseCases,
    ContractUseCases,
    HarvestUseCases,
    MeaningUseCases,
    OperationUseCases,
    PeopleUseCases,
    QuestionUseCases,
    RegionUseCases,
    UseCases,
    WorkUseCases,
)
from node.portal.views.account import OwnAccount
from node.portal.views.agreements import Agreements
from node.portal.views.assets import Assets
from node.portal.views.drawn_layers import DrawnLayers
from node.portal.views.keys import NodeKeys
from node.portal.views.partner_streams import PartnerStreamPages
from node.portal.views.processes import Processes, Questions
from node.portal.views.receipts import DataReceipts
from node.portal.views.region import AboutNode, Admissions, Members, NodeFacts
from node.portal.views.scenarios import ScenarioUseCases, Templates, WatchedRuns
from node.portal.views.subscribers import SubscriberPages
from node.portal.views.table_questions import TableQuestions
from node.portal.views.users import Users
from node.semantics.profiles.features_client import StoredFeatures
from node.semantics.profiles.rows_client import StoredTables
from node.semantics.profiles.scenes_client import StoredScenes
from node.transfer.overview import Overview


def portal_for(node: HansaNode, openapi: Callable[[], dict[str, Any]]) -> Portal:
    """Return the pages of ``node``."""
    settings = node.parts.settings
    return Portal(
        use_cases(node),
        node.callers.identify,
        PortalSettings(
            public_url=settings.public_url,
            name=settings.name,
            issuer=settings.issuer,
            accent=settings.accent or ACCENT,
            zone=UTC if settings.time_zone == "UTC" else ZoneInfo(settings.time_zone),
            logo=settings.logo or None,
            story_sites=settings.story_sites,
            maps=built_files(base_map=settings.base_map, attribution=settings.base_map_attribution),
        ),
        openapi=openapi,
        clock=node.parts.clock,
    )


def use_cases(node: HansaNode) -> UseCases:
    """Return the use cases for the pages of ``node``."""
    overview = node.protocol.transfer.overview
    return UseCases(
        catalogue=_catalogue(node),
        contracts=_contracts(node, overview),
        work=_work(node, overview),
        people=_people(node),
        region=_region(node),
        operation=OperationUseCases(
            facts=about(node).facts,
            agenda=node.operation.agenda,
            checkup=node.operation.checkup,
            configuration=node.operation.configuration,
            storage=node.operation.storage,
            audit=node.operation.audit,
            keys=NodeKeys(node.operation.keys),
            replace_keys=ReplaceKeys(node.operation.keys, node.people.users.sign_in),
            data_sources=node.datasources.sources,
            try_data_source=node.datasources.trial,
            streams=node.datasources.streams,
            broker_subscriptions=node.datasources.subscriptions,
        ),
        scenarios=scenario_use_cases(node),
    )


def _catalogue(node: HansaNode) -> CatalogueUseCases:
    parts, catalogue = node.parts, node.catalogue
    return CatalogueUseCases(
        browse=catalogue.browse,
        access=catalogue.access,
        assets=Assets(
            catalogue.access,
            parts.assets,
            node.foundation.ourselves.look,
            me=parts.me,
            tables=StoredTables(parts.cage, parts.assets.place),
            features=StoredFeatures(parts.cage, parts.assets.place),
            scenes=StoredScenes(parts.cage, parts.assets.place),
            preview_part=catalogue.publication.preview_part,
            links=catalogue.publication.links.report,
        ),
        sparql=catalogue.ask,
        viewpoints=Viewpoints(
            visibility=node.foundation.visibility,
            access=catalogue.access,
            region=lambda: node.people.allegiance.authority,
            clock=parts.clock,
        ),
        drafts=catalogue.publication.drafts,
        meaning=MeaningUseCases(
            check_data=catalogue.publication.meaning.check_data,
            foresee=catalogue.publication.meaning.foresee,
            try_transformation=catalogue.publication.meaning.try_transformation,
            draft_mapping=catalogue.publication.meaning.draft_mapping,
            find_offerable=catalogue.publication.meaning.find_offerable,
            reason=catalogue.publication.meaning.reason,
            align=catalogue.publication.meaning.align,
            publish_ontology=catalogue.publication.meaning.publish_ontology,
            read_schema=catalogue.publication.meaning.read_schema,
            draft_schema=catalogue.publication.meaning.draft_schema,
            schema_histories=catalogue.publication.meaning.schema_histories,
        ),
        harvests=HarvestUseCases(
            schedules=catalogue.harvests.schedules,
            reports=catalogue.harvests.reports,
            value_tables=catalogue.harvests.imports.value_tables,
            quality=catalogue.publication.quality,
            profiles=catalogue.publication.profiles,
            links=catalogue.publication.links.report,
        ),
        changes=ChangeUseCases(
            several=catalogue.publication.change_several,
            withdraw=catalogue.publication.withdraw,
            erase=catalogue.publication.erase,
        ),
        subscriptions=node.operation.subscriptions.own,
        subscription_mail=node.operation.subscriptions.mail,
    )


def _contracts(node: HansaNode, overview: Overview) -> ContractUseCases:
    parts, negotiation, deletions = node.parts, node.protocol.negotiation, node.protocol.transfer.deletions
    agreements = Agreements(
        overview,
        deletions.duties,
        look=lambda did: (
            node.foundation.ourselves.look() if did == parts.me else node.people.participants.recheck(did)
        ),
        situation=lambda consumer, agreement: node.foundation.situations.under_agreement(
            consumer, provider=agreement.provider, facts={**ENFORCED, **overview.next_use(agreement)}
        ),
        names=node.catalogue.access.names,
    )
    windows = node.datasources.windows
    return ContractUseCases(
        acquire=negotiation.acquire,
        limits=negotiation.limits,
        agreements=agreements,
        table_questions=TableQuestions(agreements, node.catalogue.browse, node.datasources.questions.ask),
        partner_streams=PartnerStreamPages(agreements, node.catalogue.browse, windows.moving, windows.bridges),
        subscribers=SubscriberPages(windows.uses.subscriptions, windows.uses.resend, agreements),
        proofs=node.operation.proofs,
        confirm_deletion=node.datasources.shipments.delete,
        decisions=negotiation.decisions,
        questions=Questions(negotiation.decisions),
    )


def _work(node: HansaNode, overview: Overview) -> WorkUseCases:
    stores, transfer = node.parts.stores, node.protocol.transfer
    processes = Processes(
        overview,
        node.operation.letters,
        uow=stores.uow,
        records=stores.catalogue.records,
        agreements=stores.negotiation.agreements,
        with_names=node.catalogue.access.with_names,
    )
    return WorkUseCases(
        processes=processes,
        data_receipts=DataReceipts(
            overview,
            processes,
            transfer.transfer_requests,
            transfer.deletions.duties,
            folder=node.parts.places.inbox,
            tables=StoredTables(node.parts.cage, node.parts.assets.place),
            features=StoredFeatures(node.parts.cage, node.parts.assets.place),
            scenes=StoredScenes(node.parts.cage, node.parts.assets.place),
        ),
        shipments=node.datasources.shipments.shipments,
        webhooks=node.webhooks,
        questions=QuestionUseCases(
            asking=node.questions.asking,
            answers=node.questions.answers,
            titles=AssetTitles(stores.uow, stores.catalogue.records),
        ),
        letters=node.operation.letters,
    )


def _people(node: HansaNode) -> PeopleUseCases:
    people = node.people
    return PeopleUseCases(
        sign_in=people.users.sign_in,
        provider_sign_in=people.users.provider_sign_in,
        account=OwnAccount(
            people.users.accounts,
            people.users.sign_in,
            people.users.second_factor,
            required=node.parts.settings.second_factor == "required",
        ),
        users=Users(
            people.users.accounts, people.users.oversight, people.users.invitations, people.users.second_factor
        ),
    )


def _region(node: HansaNode) -> RegionUseCases:
    stores, people = node.parts.stores, node.people
    return RegionUseCases(
        admissions=Admissions(IssuerView(stores.uow, stores.identity)),
        credentials=people.issuing.status if people.issuing else None,
        members=Members(
            node.catalogue.browse,
            people.blocks,
            stores.uow,
            stores.catalogue.follows,
            own_place=node.operation.region.place,
        ),
        membership=node.operation.region.membership,
        read=node.operation.region.read,
        join=node.catalogue.join,
        leave=node.operation.region.leave,
        blocking=node.operation.region.blocking,
        acceptances=node.operation.region.acceptances,
        eligibility=node.operation.region.eligibility,
        search=SearchRegion(node.operation.region.requests, lambda: people.allegiance.region),
        templates=node.foundation.templates,
    )


def scenario_use_cases(node: HansaNode) -> ScenarioUseCases:
    """Return the use cases for the pages of scenarios."""
    parts = node.scenarios
    return ScenarioUseCases(
        runs=parts.runs,
        release=parts.release,
        layers=parts.layers,
        templates=Templates(node.catalogue.browse, parts.library, me=node.parts.me),
        watches=WatchedRuns(parts.runs, parts.layers, parts.release, with_names=node.catalogue.access.with_names),
        drawn_layers=DrawnLayers(parts.layers, parts.library, parts.runs),
        stories=parts.stories,
    )


def about(node: HansaNode) -> AboutNode:
    """Return who runs ``node``, and its description."""
    parts, settings = node.parts, node.parts.settings
    facts = NodeFacts(
        name=settings.name,
        did=parts.me,
        url=parts.base,
        version=__version__,
        contact=settings.contact,
        operator=settings.name,
        issuer=settings.issuer,
    )
    return AboutNode(
        facts, parts.stores.uow, parts.stores.ledger, node.foundation.rulebook, lambda: parts.cage.lacking
    )
