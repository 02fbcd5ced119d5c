"""The portal put together: its pages over the use cases of a node."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from anyio.to_thread import run_sync

from node import __version__
from node.bootstrap.node import HansaNode
from node.catalogue.model import Followed
from node.identity.credentials.admissions import IssuerView
from node.identity.model import Caller
from node.negotiation.model import Agreement
from node.policy.model import Situation
from node.portal.portal import Portal
from node.portal.settings import PortalSettings
from node.portal.usecases import UseCases
from node.portal.views.account import OwnAccount
from node.portal.views.agreements import Agreements
from node.portal.views.assets import Assets
from node.portal.views.processes import Processes, Questions
from node.portal.views.region import Admissions, Members, NodeFacts
from node.portal.views.scenarios import DrawnLayers, ScenarioUseCases, Templates, WatchedRuns


def portal_for(node: HansaNode, openapi: Callable[[], dict[str, Any]]) -> Portal:
    """The pages of ``node``."""
    settings = node.parts.settings
    looks: dict[str, Any] = {}
    if settings.accent:
        looks["accent"] = settings.accent
    if settings.logo:
        looks["logo"] = settings.logo
    return Portal(
        use_cases(node),
        node.callers.identify,
        PortalSettings(public_url=settings.public_url, name=settings.name, issuer=settings.issuer, **looks),
        openapi=openapi,
        clock=node.parts.clock,
    )


def use_cases(node: HansaNode) -> UseCases:
    """What the pages of ``node`` take."""
    parts, people, protocol = node.parts, node.people, node.protocol
    stores, letters = parts.stores, node.letters

    def titles(iri: str) -> dict[str, str] | None:
        with stores.uow.read() as tx:
            record = stores.records.get(tx, iri)
        return record.titles if record else None

    def held(agreement_id: str) -> Agreement | None:
        with stores.uow.read() as tx:
            return stores.agreements.get(tx, agreement_id)

    def followed() -> list[Followed]:
        with stores.uow.read() as tx:
            return list(stores.followed.all(tx))

    async def look(did: str) -> Caller:
        return await (node.ourselves.look() if did == parts.me else people.participants.recheck(did))

    def situation(consumer: Caller, agreement: Agreement) -> Situation:
        facts = protocol.overview.next_use(agreement)
        return node.situations.under_agreement(consumer, provider=agreement.provider, facts=facts)

    return UseCases(
        catalogue=node.browse,
        access=node.access,
        assets=Assets(node.access, parts.assets, node.ourselves.look, me=parts.me),
        sparql=node.ask,
        acquire=protocol.acquire,
        agreements=Agreements(protocol.overview, protocol.deletions, look=look, situation=situation),
        proofs=node.proofs,
        deletions=protocol.deletions,
        decisions=protocol.decisions,
        questions=Questions(protocol.decisions),
        processes=Processes(protocol.overview, letters, titles=titles, agreement=held, named=node.access.named),
        letters=letters,
        sign_in=people.sign_in,
        account=OwnAccount(
            people.accounts,
            people.sign_in,
            people.second_factor,
            required=parts.settings.second_factor == "required",
        ),
        admissions=Admissions(IssuerView(stores.uow, stores.identity)),
        revoke=people.issuing.revoke if people.issuing else None,
        members=Members(node.browse, people.blocks, followed),
        facts=lambda: node_facts(node),
        scenarios=scenario_use_cases(node),
    )


def scenario_use_cases(node: HansaNode) -> ScenarioUseCases:
    """What the pages of scenarios take."""
    parts = node.scenarios
    return ScenarioUseCases(
        runs=parts.runs,
        release=parts.release,
        layers=parts.layers,
        templates=Templates(node.browse, parts.library, me=node.parts.me),
        watched=WatchedRuns(parts.runs, parts.layers, parts.release, named=node.access.named),
        drawn=DrawnLayers(parts.layers, parts.library, parts.runs),
    )


async def node_facts(node: HansaNode) -> NodeFacts:
    """Who runs ``node``, and what it is."""
    parts = node.parts
    rulebook = await run_sync(node.rulebook)

    def read() -> tuple[int, datetime | None]:
        with parts.stores.uow.read() as tx:
            checkpoint = parts.stores.ledger.checkpoint(tx)
            return parts.stores.ledger.size(tx), checkpoint.at if checkpoint else None

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
