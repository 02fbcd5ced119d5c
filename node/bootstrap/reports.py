"""Puts together the harvests on a schedule, and how their reports are sent to publishers."""

from __future__ import annotations

from node.bootstrap.foundation import Foundation
from node.catalogue.harvest.harvests import Harvest
from node.catalogue.harvest.schedules import Schedules
from node.catalogue.harvest.source_state import SourceStates
from node.catalogue.subscriptions.harvest_reports import SendReports
from node.catalogue.subscriptions.letters import Letters


def report_sender(base: Foundation, schedules: Schedules) -> SendReports:
    """Return the part that sends reports of the runs of ``schedules``."""
    parts = base.parts
    stores, settings = parts.stores, parts.settings
    letters = Letters(name=settings.name, base=parts.base, sender=settings.mail_from)
    return SendReports(
        uow=stores.uow,
        notes=stores.meta,
        records=stores.catalogue.records,
        outbox=stores.outbox,
        schedules=schedules,
        states=SourceStates(stores.uow, stores.meta),
        letters=letters if settings.mail_server else None,
        clock=parts.clock,
        name=settings.name,
        base=parts.base,
        wake=base.commit_hooks.wake_worker,
    )


def harvest_schedules(base: Foundation, harvest: Harvest) -> Schedules:
    """Return the sources that are harvested on a schedule."""
    parts = base.parts
    return Schedules(
        uow=parts.stores.uow,
        store=parts.stores.catalogue.schedules,
        outbox=parts.stores.outbox,
        outbox_writer=base.outbox_writer,
        clock=parts.clock,
        imports=harvest.imports,
    )
