"""Puts together what a node does as a member of a region: read its terms, ask it, leave it."""

from __future__ import annotations

from dataclasses import dataclass

from node.adapters.peers.requests import RegionRequests
from node.bootstrap.foundation import Foundation
from node.bootstrap.transfer import TransferParts
from node.catalogue.access import Access
from node.catalogue.browse import Browse
from node.catalogue.region.place import OwnPlace
from node.catalogue.region.templates import FetchTemplates
from node.catalogue.region.terms import ReadRegion
from node.operation.region.acceptances import ReadAcceptances
from node.operation.region.departure import LeaveRegion
from node.operation.region.eligibility import Eligibility
from node.operation.region.membership import OwnMembership
from node.operation.region.participants import BlockParticipants
from node.worker.timers import Timer


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionParts:
    """The parts of a member of a region."""

    requests: RegionRequests
    read: ReadRegion
    leave: LeaveRegion
    membership: OwnMembership
    blocking: BlockParticipants
    acceptances: ReadAcceptances
    eligibility: Eligibility
    place: OwnPlace


def read_region(base: Foundation) -> ReadRegion:
    """Return the use case that reads the terms of a region."""
    return ReadRegion(get_json=base.requests.json, get_content=base.requests.content, address=base.parts.address_of)


def own_place(base: Foundation) -> OwnPlace:
    """Return the use case that states the place of this node."""
    return OwnPlace(base.parts.stores.uow, base.parts.stores.meta, base.append, me=base.parts.me)


def fetch_templates(base: Foundation) -> FetchTemplates:
    """Return the use case that asks the joined region for the templates that it offers."""
    parts, people = base.parts, base.people
    return FetchTemplates(
        templates=base.templates,
        region=lambda: people.allegiance.elsewhere(parts.me),
        address=parts.address_of,
        get_content=base.requests.content,
        document=people.peers.did_document,
        clock=parts.clock,
    )


def template_timer(base: Foundation) -> Timer:
    """Return the task that asks the joined region for its templates."""
    return Timer("region templates", 5.0, fetch_templates(base).fetch_due)


def region_parts(base: Foundation, transfer: TransferParts, access: Access, browse: Browse) -> RegionParts:
    """Return the parts of a member of a region."""
    parts, people, names = base.parts, base.people, access.names
    return RegionParts(
        requests=RegionRequests(base.requests, lambda: people.allegiance.region, parts.address_of),
        read=read_region(base),
        leave=LeaveRegion(
            uow=parts.stores.uow,
            identity=parts.stores.identity,
            records=parts.stores.catalogue.records,
            overview=transfer.overview,
            allegiance=people.allegiance,
            wallet=people.wallet,
            visibility=base.visibility,
            append=base.append,
            clock=parts.clock,
            me=parts.me,
            trust=people.trust.to_json,
        ),
        membership=OwnMembership(
            uow=parts.stores.uow,
            identity=parts.stores.identity,
            wallet=people.wallet,
            allegiance=people.allegiance,
            names=names,
        ),
        acceptances=ReadAcceptances(parts.stores.uow, parts.stores.identity, parts.clock, base.rulebook),
        eligibility=Eligibility(
            uow=parts.stores.uow,
            follows=parts.stores.catalogue.follows,
            identity=parts.stores.identity,
            agreements=transfer.overview.agreements,
            recheck=people.participants.recheck,
            access=access,
            visibility=base.visibility,
            record=browse.record,
            region=lambda: people.allegiance.authority,
            gallery=base.templates.gallery,
            clock=parts.clock,
        ),
        place=own_place(base),
        blocking=BlockParticipants(people.blocks, transfer.transfers.suspend_all, transfer.overview, names),
    )
