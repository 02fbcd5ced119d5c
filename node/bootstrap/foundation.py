"""The common basis of all use cases of a node: its technology, identity, ledger, outbox and policy decisions."""

from __future__ import annotations

from dataclasses import dataclass

from node.adapters.peers.requests import PeerRequests
from node.base.changes import Changes
from node.base.delivery import OutboxWriter
from node.bootstrap.parts import Parts
from node.bootstrap.people import People, identity
from node.catalogue.region.templates import Issuer, RegionTemplates
from node.catalogue.rulebook import RulebookInForce
from node.catalogue.visibility import Visibility
from node.identity.correspondence import Correspondence, Documents, Outgoing
from node.identity.credentials.ourselves import Ourselves
from node.ledger.ports import Append
from node.ledger.usecases import LedgerWriter
from node.policy.situations import Situations
from node.policy.visible import audience_rules
from node.worker.commit_hooks import CommitHooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """The parts that all use cases share."""

    parts: Parts
    people: People
    append: Append
    outbox_writer: OutboxWriter
    commit_hooks: CommitHooks
    correspondence: Correspondence
    requests: PeerRequests
    ourselves: Ourselves
    rulebook: RulebookInForce
    situations: Situations
    visibility: Visibility
    templates: RegionTemplates


def foundation(parts: Parts, *, outgoing: Outgoing | None = None, documents: Documents | None = None) -> Foundation:
    """Put the foundation together. ``outgoing`` and ``documents`` are those of ``node.identity.correspondence``."""
    stores, settings, commit_hooks = (
        parts.stores,
        parts.settings,
        CommitHooks(changes=Changes(alone=parts.settings.is_embedded)),
    )
    append = LedgerWriter(stores.ledger, parts.clock, commit_hooks.wake_ledger)
    people = identity(parts, append)
    ourselves = Ourselves(parts.me, people.wallet)
    rulebook = RulebookInForce(
        uow=stores.uow,
        records=stores.catalogue.records,
        allegiance=people.allegiance,
        me=parts.me,
        issuer=settings.issuer,
    )
    return Foundation(
        parts=parts,
        people=people,
        append=append,
        outbox_writer=OutboxWriter(stores.outbox, commit_hooks.wake_worker),
        commit_hooks=commit_hooks,
        correspondence=Correspondence(people.tokens, people.peers, outgoing=outgoing, documents=documents),
        requests=PeerRequests(parts.egress, people.tokens),
        ourselves=ourselves,
        rulebook=rulebook,
        situations=Situations(
            trust=people.trust, rulebook=rulebook, ourselves=ourselves, clock=parts.clock, me=parts.me
        ),
        visibility=Visibility(lambda: audience_rules(settings.audiences, people.trust), parts.me),
        templates=RegionTemplates(
            uow=stores.uow,
            notes=stores.meta,
            append=append,
            clock=parts.clock,
            issuer=Issuer(did=parts.me, name=settings.name, keyring=parts.keyring, is_region=settings.issuer),
            region=lambda: people.allegiance.elsewhere(parts.me),
        ),
    )
