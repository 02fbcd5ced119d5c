"""Pages, catalogue and management: the part of a node for people, programs and plug-ins, with its description.

Made at the first request for any of it (``application``).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from fastapi import FastAPI

from node import __version__
from node.bootstrap.node import HansaNode
from node.bootstrap.portal import portal_for
from node.evidence.proof import ServeEntry
from node.identity.credentials.admissions import IssuerView
from node.operation.region.rulebook_edits import EditRulebook
from node.policy.document.rendering import render
from node.portal.portal import Portal
from node.semantics.harvest.cage_client import MAX_BYTES
from node.semantics.profiles.cage_client import StoredProfiles
from node.web import catalogue, dcat, feed, ledger, ogc, sparql
from node.web.api_router import PlacingApplication
from node.web.applications import Refuse, answer_errors
from node.web.live import partner_streams
from node.web.management import (
    accounts,
    agreements,
    blocks,
    datasources,
    harvests,
    imports,
    keys,
    limits,
    negotiations,
    operation,
    oversight,
    people,
    results,
    scenarios,
    secondfactor,
    streams,
    subscriptions,
    transfers,
    value_tables,
)
from node.web.management.meaning import checks, ontologies, schemas
from node.web.management.measurement import profiles
from node.web.management.measurement import routes as measurement
from node.web.management.publication import conditions, joint_changes, records, uploads
from node.web.management.region import eligibility, place, rulebook, templates
from node.web.management.region import routes as region
from node.web.meaning import registry, schema_subjects
from node.web.meaning import routes as terms
from node.web.openapi import answer_head, answer_invalid, describe_doors, include_all
from node.web.questions import management as questions
from node.web.repetitions.routes import MOST_IN_LINES, repeatable
from node.web.shipments import routes as shipments
from node.web.short_way import ShortRoute
from node.web.stories import routes as stories
from node.web.webhooks import routes as webhooks


@dataclass(frozen=True, slots=True)
class Api:
    """The application, the short way to some of its doors, and its page for errors."""

    app: FastAPI
    short_routes: list[ShortRoute]
    error_page: Refuse


def api_of(node: HansaNode, refuse: Refuse) -> Api:
    """Return the pages and APIs of ``node``. ``refuse`` makes the answer of an error."""
    app = PlacingApplication(
        title=f"Hansa: {node.parts.settings.name}",
        version=__version__,
        description="Management and catalogue API of this node. The pages of this node explain it.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    describe_doors(app)
    portal = portal_for(node, app.openapi)
    _open_doors(app, node, portal)
    _ogc_door(app, node)
    _quality_door(app, node)
    protocol_services = node.protocol
    desk = negotiations.NegotiationDesk(
        uow=node.parts.stores.uow,
        acquire=protocol_services.negotiation.acquire,
        reading=protocol_services.transfer.overview,
        changes=node.changes,
        is_stuck=lambda pid: bool(node.operation.letters.about(pid)),
    )
    _management_doors(app, node, desk)
    include_all(app, chain.from_iterable(node.plugins.hook.hansa_routes(host=node.host)))
    app.router.routes.extend(portal.routes)
    answer_head(app.router.routes)
    answer_errors(app, refuse)
    answer_invalid(app, refuse)
    return Api(app, negotiations.short_routes(desk, node.callers.person), portal.error_page)


def _open_doors(app: FastAPI, node: HansaNode, portal: Portal) -> None:
    identify = node.callers.identify

    app.include_router(
        catalogue.router(
            node.catalogue.browse,
            identify=node.callers.identify_and(node.foundation.ourselves.look),
            assets=node.parts.assets,
            base=node.parts.base,
            html_view=portal.record_page,
        )
    )
    app.include_router(terms.router(browse=node.catalogue.browse, identify=identify, base=node.parts.base))
    app.include_router(stories.router(node.scenarios.stories, identify=identify, base=node.parts.base))
    app.include_router(
        sparql.router(node.catalogue.ask, base=node.parts.base, identify=identify, html_form=portal.sparql_page)
    )
    app.include_router(feed.router(node.catalogue.feed, identify=identify))
    app.include_router(dcat.router(node.catalogue.export, identify=identify))
    app.include_router(questions.public_router(node.questions.asking, identify=identify))
    stores = node.parts.stores
    entries = ServeEntry(uow=stores.uow, agreements=stores.negotiation.agreements, ledger=stores.ledger)
    app.include_router(
        ledger.router(node.operation.prover, entries=entries.entry, party=entries.party, identify=identify)
    )


def _ogc_door(app: FastAPI, node: HansaNode) -> None:
    app.router.routes.extend(
        ogc.OgcRoutes(
            ogc_processes=node.models.ogc_processes,
            jobs=node.models.jobs,
            assets=node.parts.assets,
            authorise=node.protocol.transfer.authorise,
            identify=node.callers.identify,
            changes=node.changes,
            base=node.parts.base,
            title=node.parts.settings.name,
            records=ogc.OgcRecords(
                browse=node.catalogue.browse,
                identify=node.callers.identify,
                base=node.parts.base,
                title=node.parts.settings.name,
            ),
        ).routes()
    )


def _publication_doors(app: FastAPI, node: HansaNode) -> None:
    person, limits_lapse = node.callers.person, node.protocol.negotiation.limits.lapse
    publication = node.catalogue.publication

    app.include_router(
        records.router(
            person=person,
            publish=publication.publish,
            withdraw=publication.withdraw,
            erase=publication.erase,
            assets=node.parts.assets,
            uploads=publication.drafts.uploads,
            description_limit=node.parts.settings.description_limit,
            limits_lapse=limits_lapse,
            profile_of=StoredProfiles(node.parts.cage, node.parts.assets.place),
            preview_part=publication.preview_part,
        )
    )
    arriving, address = publication.drafts.uploads, f"{node.parts.base}/api/uploads"
    app.include_router(uploads.router(person=person, uploads=arriving, address=address))
    terms_of_drafts, with_names = publication.drafts.terms, node.catalogue.access.with_names
    app.include_router(conditions.router(person=person, terms=terms_of_drafts, with_names=with_names))
    changing = publication.change_several
    app.include_router(joint_changes.router(person=person, change=changing, limits_lapse=limits_lapse))


def _import_doors(app: FastAPI, node: HansaNode) -> None:
    person = node.callers.person

    app.include_router(
        imports.router(
            person=person,
            imports=node.catalogue.harvests.imports,
            harvest=node.catalogue.harvests.harvest,
            schedules=node.catalogue.harvests.schedules,
            file_limit=MAX_BYTES,
            route_class=repeatable(person, node.repetitions, most=MOST_IN_LINES),
        )
    )
    app.include_router(
        harvests.router(
            person=person,
            schedules=node.catalogue.harvests.schedules,
            reports=node.catalogue.harvests.reports,
        )
    )
    app.include_router(value_tables.router(person=person, value_tables=node.catalogue.harvests.imports.value_tables))


def _meaning_doors(app: FastAPI, node: HansaNode) -> None:
    meaning = node.catalogue.publication.meaning
    app.include_router(
        checks.router(
            person=node.callers.person,
            check=meaning.check_data,
            try_transformation=meaning.try_transformation,
            draft_mapping=meaning.draft_mapping,
            reason=meaning.reason,
            align=meaning.align,
            base=node.parts.base,
        )
    )
    app.include_router(
        schemas.router(
            person=node.callers.person, read=meaning.read_schema, draft=meaning.draft_schema, base=node.parts.base
        )
    )
    app.include_router(ontologies.router(person=node.callers.person, publish_ontology=meaning.publish_ontology))
    app.include_router(registry.router(registry=meaning.registry, identify=node.callers.identify))
    app.include_router(schema_subjects.router(histories=meaning.schema_histories, identify=node.callers.identify))


def _exchange_doors(app: FastAPI, node: HansaNode, desk: negotiations.NegotiationDesk) -> None:
    person, protocol_services = node.callers.person, node.protocol

    app.include_router(limits.router(person=person, limits=protocol_services.negotiation.limits))
    app.include_router(
        eligibility.router(person=person, eligibility=node.operation.region.eligibility, access=node.catalogue.access)
    )
    app.include_router(
        negotiations.router(
            person=person,
            route_class=repeatable(person, node.repetitions),
            acquire=protocol_services.negotiation.acquire,
            desk=desk,
            negotiations=protocol_services.negotiation.negotiations,
            decisions=protocol_services.negotiation.decisions,
            reading=protocol_services.transfer.overview,
            region=protocol_services.region,
            with_names=node.catalogue.access.with_names,
        )
    )
    app.include_router(
        transfers.router(
            person=person,
            route_class=repeatable(person, node.repetitions),
            transfers=protocol_services.transfer.transfers,
            transfer_requests=protocol_services.transfer.transfer_requests,
            live_access=node.datasources.access,
            reading=protocol_services.transfer.overview,
            receptions_folder=node.parts.places.inbox,
            changes=node.changes,
            is_stuck=lambda pid: bool(node.operation.letters.about(pid)),
        )
    )
    app.include_router(
        agreements.router(
            person=person,
            reading=protocol_services.transfer.overview,
            document=lambda body, language: render(dict(body), language=language),
            export=node.operation.proofs.export,
            duties=protocol_services.transfer.deletions.duties,
            confirm=node.datasources.shipments.delete,
            copies=node.datasources.shipments.shipments.copies,
            ask=node.datasources.questions.ask,
        )
    )
    app.include_router(partner_streams.router(person=person, uses=node.datasources.windows.uses))
    app.include_router(shipments.router(person=person, shipments=node.datasources.shipments.shipments))


def _quality_door(app: FastAPI, node: HansaNode) -> None:
    catalogue = node.catalogue
    app.include_router(
        measurement.router(
            person=node.callers.person,
            quality=catalogue.publication.quality,
            links=catalogue.publication.links.report,
            catalogue=catalogue.export.iri,
        )
    )
    app.include_router(profiles.router(person=node.callers.person, profiles=catalogue.publication.profiles))


def _management_doors(app: FastAPI, node: HansaNode, desk: negotiations.NegotiationDesk) -> None:
    people_parts, settings = node.people, node.parts.settings
    person = node.callers.person

    _publication_doors(app, node)
    _import_doors(app, node)
    _meaning_doors(app, node)
    app.include_router(
        datasources.router(person=person, sources=node.datasources.sources, trial=node.datasources.trial)
    )
    app.include_router(
        streams.router(
            person=person,
            streams=node.datasources.streams,
            take=node.datasources.take,
            subscriptions=node.datasources.subscriptions,
        )
    )
    _exchange_doors(app, node, desk)
    app.include_router(
        scenarios.router(
            person=person,
            runs=node.scenarios.runs,
            layers=node.scenarios.layers,
            changes=node.changes,
            route_class=repeatable(person, node.repetitions),
        )
    )
    app.include_router(results.router(person=person, runs=node.scenarios.runs, release=node.scenarios.release))
    app.include_router(
        accounts.router(
            person=person,
            accounts=people_parts.users.accounts,
            oversight=people_parts.users.oversight,
            invitations=people_parts.users.invitations,
            sign_in=people_parts.users.sign_in,
        )
    )
    app.include_router(
        people.router(
            person=person,
            join=node.catalogue.join,
            wallet=people_parts.wallet,
            membership=node.operation.region.membership,
            acceptances=node.operation.region.acceptances,
            credentials=people_parts.issuing.status if people_parts.issuing else None,
            issuer=IssuerView(node.parts.stores.uow, node.parts.stores.identity) if people_parts.issuing else None,
        )
    )
    app.include_router(
        region.router(person=person, read=node.operation.region.read, leave=node.operation.region.leave)
    )
    app.include_router(rulebook.router(person=person, edit=_rulebook_edits(node)))
    app.include_router(templates.router(person=person, templates=node.foundation.templates))
    app.include_router(
        secondfactor.router(
            person=person,
            accounts=people_parts.users.accounts,
            sign_in=people_parts.users.sign_in,
            second_factor=people_parts.users.second_factor,
            required=settings.second_factor == "required",
        )
    )
    app.include_router(blocks.router(person=person, blocking=node.operation.region.blocking))
    app.include_router(place.router(person=person, place=node.operation.region.place))
    _operation_doors(app, node)


def _rulebook_edits(node: HansaNode) -> EditRulebook | None:
    if node.people.issuing is None:
        return None
    return EditRulebook(
        drafts=node.catalogue.publication.drafts,
        record=node.catalogue.browse.record,
        acceptances=node.operation.region.acceptances,
        rulebook=node.foundation.rulebook,
    )


def _operation_doors(app: FastAPI, node: HansaNode) -> None:
    person = node.callers.person

    app.include_router(
        operation.router(
            person=person,
            facts=node.operation.status.facts,
            agenda=node.operation.agenda,
            deliveries=node.operation.letters,
            checks=node.operation.proofs,
            forward=node.operation.region.requests,
        )
    )
    app.include_router(
        oversight.router(
            person=person,
            checkup=node.operation.checkup,
            configuration=node.operation.configuration,
            storage=node.operation.storage,
            audit=node.operation.audit,
        )
    )
    app.include_router(
        subscriptions.router(
            person=person,
            subscriptions=node.operation.subscriptions.own,
            mail=node.operation.subscriptions.mail,
            base=node.parts.base,
        )
    )
    app.include_router(webhooks.router(person=person, webhooks=node.webhooks))
    app.include_router(questions.router(person=person, asking=node.questions.asking, answers=node.questions.answers))
    app.include_router(keys.router(person=person, keys=node.operation.keys))
