"""Puts together the checks of the links in the catalogue, and of the profiles of its descriptions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from node.adapters.peers.links import WebLinks
from node.adapters.planes.drafts import FolderDrafts
from node.bootstrap.parts import Parts
from node.catalogue.measurement.data_checker import DataChecker, FileRequests
from node.catalogue.measurement.history import QualityHistory
from node.catalogue.measurement.link_checker import CheckLimits, LinkChecker
from node.catalogue.measurement.link_collection import LinkCollection
from node.catalogue.measurement.link_report import LinkReport
from node.catalogue.measurement.profiles import ProfileOverview
from node.semantics.schemas.file_check import FileCheck
from node.semantics.validation.profiles import overview
from node.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkParts:
    """The parts for links and harvested data: the checks in the background, and what people see of them."""

    checker: LinkChecker
    data_checker: DataChecker
    report: LinkReport


def profile_overview(settings: Settings) -> ProfileOverview:
    """Return the profiles that the node with these settings can check."""
    folder = settings.folder
    return ProfileOverview(folder, overview(folder, settings.advised_profiles, settings.enforced_profiles))


def link_parts(parts: Parts) -> LinkParts:
    """Return the parts for links and harvested data."""
    stores, days = parts.stores, parts.settings.link_check_days
    links, records = stores.catalogue.links, stores.catalogue.records
    interval = timedelta(days=days) if days else None
    web = WebLinks(parts.egress, parts.base)
    limits = CheckLimits(
        day=parts.settings.link_check_day_limit,
        exceptions=frozenset(host.strip().lower() for host in parts.settings.link_check_exceptions),
    )
    return LinkParts(
        checker=LinkChecker(
            stores.uow,
            links,
            LinkCollection(stores.uow, records, stores.ledger, links, parts.clock, origin=parts.me, base=parts.base),
            parts.clock,
            web.send,
            interval=interval,
            limits=limits,
        ),
        data_checker=DataChecker(
            stores.uow,
            records,
            stores.catalogue.data_checks,
            FolderDrafts(parts.places.drafts),
            parts.clock,
            FileRequests(web.send, web.fetch),
            FileCheck(parts.cage),
            origin=parts.me,
            base=parts.base,
            interval=interval,
            limits=limits,
        ),
        report=LinkReport(
            stores.uow,
            records,
            links,
            parts.clock,
            origin=parts.me,
            base=parts.base,
            interval=interval,
            data=stores.catalogue.data_checks,
        ),
    )


def quality_history(parts: Parts) -> QualityHistory:
    """Return the quality over time, which counts links that work."""
    stores = parts.stores
    return QualityHistory(
        stores.uow,
        stores.catalogue.records,
        stores.ledger,
        stores.catalogue.links,
        parts.clock,
        origin=parts.me,
    )
