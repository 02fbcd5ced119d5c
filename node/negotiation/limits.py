"""Counter-offers within limits: what a node concedes by itself, and where it stops (DSP 2025-1 §7.2.1, §7.2.2).

A provider sets the most open terms that it gives for an asset, a consumer the least open terms that it takes. Terms
within these limits are accepted. Other terms are answered with terms that both sides could accept, and after
``PATIENCE`` such answers with the reasons for the refusal. Without limits, and for everything else, another strategy
decides.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from node.base.clock import Clock
from node.base.errors import HansaError, InvalidInput, NotFound
from node.base.jsons import canonical
from node.base.work import Transaction, UnitOfWork
from node.catalogue.ports import RecordStore
from node.dialogue.process import Role
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.negotiation import machine, strategy
from node.negotiation.model import Limits
from node.negotiation.ports import LimitStore
from node.negotiation.proposal import adds_nothing
from node.negotiation.strategy import Accept, Action, Ask, Counter, Look, Offer, Strategy, Terminate
from node.policy.comparison import same_terms
from node.policy.flow.breaches import Breach
from node.policy.flow.limits import beyond, in_own_words, nearest
from node.policy.odrl import parse
from node.policy.templates import compile_terms

PATIENCE: Final = 3
"""The number of times that we offer other terms before we end the negotiation."""


class WithinLimits:
    """A negotiation strategy (``node.negotiation.strategy.Strategy``) that wraps another one."""

    def __init__(self, otherwise: Strategy) -> None:
        self._otherwise = otherwise

    def next(self, look: Look) -> Action:
        if look.limits is not None and not look.same_terms:
            where = (look.negotiation.role, look.negotiation.state)
            if where in {(Role.PROVIDER, machine.REQUESTED), (Role.PROVIDER, machine.ACCEPTED)}:
                return self._give(look, look.limits)
            if where == (Role.CONSUMER, machine.OFFERED):
                return self._take(look, look.limits)
        return self._otherwise.next(look)

    def _give(self, look: Look, limits: Mapping[str, Any]) -> Action:
        if look.own_offer is None or look.decision is None:
            return self._otherwise.next(look)
        breaches = _more_open(look.negotiation.offer, limits, look.title)
        if breaches == () and look.in_our_words is not None:
            return strategy.conclude(look.decision)
        counters = look.messages_so_far().count(machine.OFFER)
        if look.negotiation.state != machine.REQUESTED or counters >= PATIENCE:
            reasons: list[Any] = [breach.to_json() for breach in breaches or ()]
            return Terminate("beyond-limits", reasons or ["the terms cannot be read as an offer of this node"])
        own_id = str(look.own_offer["@id"])
        common = _common(look.negotiation.offer, limits, own_id) if breaches is not None else None
        return Offer(common or look.own_offer)

    def _take(self, look: Look, limits: Mapping[str, Any]) -> Action:
        negotiation = look.negotiation
        if _more_open(limits, negotiation.offer, look.title) == ():
            # Only a person can judge texts beside the terms.
            return Accept() if adds_nothing(negotiation.offer, negotiation.asked, limits) else Ask()
        # We have requested our minimum once; from then on a person decides whether less is enough.
        if machine.REQUEST in look.messages_so_far()[1:]:
            return Ask()
        return Counter({**limits, "@id": negotiation.offer["@id"], "target": negotiation.dataset})


def in_our_words(offer: Mapping[str, Any], dataset: str) -> dict[str, Any] | None:
    """Return a consumer's ``offer`` as this node would write and sign it, or None if its meaning would change."""
    try:
        return in_own_words(offer, target=dataset, offer_id=str(offer["@id"]))
    except InvalidInput:
        return None


def _more_open(terms: Mapping[str, Any], limits: Mapping[str, Any], title: str) -> tuple[Breach, ...] | None:
    """Return what ``beyond`` returns, or None for terms that cannot be compared."""
    try:
        return beyond(terms, limits, title=title)
    except HansaError:
        return None


def _common(request: Mapping[str, Any], limits: Mapping[str, Any], own_id: str) -> dict[str, Any] | None:
    """Return the part of the requested terms that we would give, or None if we would not conclude it: it has the
    rules of both sides, which may be too many to compare. Its id follows from the offer that it departs from and its
    terms."""
    try:
        offer = nearest(request, limits, target="", offer_id="")
    except HansaError:
        return None
    if offer is None or _more_open(offer, limits, "") != () or in_our_words(offer, "") is None:
        return None
    name = uuid.uuid5(uuid.NAMESPACE_URL, own_id + canonical(offer).decode("utf-8"))
    return {**offer, "@id": f"urn:uuid:{name}"}


class SetLimits:
    """Shows, sets and removes the limits of this node's own assets, for its people."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: LimitStore,
        records: RecordStore,
        region: Callable[[], str | None],
        append: Append,
        clock: Clock,
        me: str,
    ) -> None:
        """``region`` is the region of conditions that name no region."""
        self._uow, self._store, self._records = uow, store, records
        self._region, self._append, self._clock, self._me = region, append, clock, me

    def require_role(self, by: Caller) -> None:
        """Raise ``NotAllowed`` if ``set`` would raise it: for a check before a form is read."""
        require(by, UseCase.SET_LIMITS)

    def of(self, dataset: str, by: Caller) -> Limits | None:
        """Return the limits of ``dataset``, or None. Raises ``NotAllowed``, and ``NotFound`` for an asset that this
        node does not offer, unless it still has limits from when it was offered."""
        require(by, UseCase.READ_LIMITS)
        with self._uow.read() as tx:
            limits = self._store.get(tx, dataset)
            if limits is None:
                self._require_offer(tx, dataset)
            return limits

    def set(self, dataset: str, conditions: Mapping[str, Any] | str, *, by: Caller) -> Limits:
        """Set limits: from now on, agree to terms within ``conditions`` (``node.policy.templates.compile_terms``).

        Raises ``NotAllowed``, ``NotFound`` for an asset that this node does not offer, ``InvalidInput`` for
        conditions that cannot be read, or that are not as open as the asset's own.
        """
        require(by, UseCase.SET_LIMITS)
        with self._uow.begin() as tx:
            offer = self._require_offer(tx, dataset)
            offer_id = str(offer["@id"])
            terms = compile_terms(conditions, target=dataset, offer_id=offer_id, region=self._region())
            _check_limits(terms, offer)
            limits = Limits(dataset=dataset, terms=terms, by=by.name, at=self._clock.now())
            self._store.put(tx, limits)
            self._append(tx, EntryKind.DECISION, dataset, by.name, {"limits": terms})
            return limits

    def in_force(self, limits: Limits) -> bool:
        """Return whether they were set for the current offer. If not, only terms equal to that offer are accepted."""
        with self._uow.read() as tx:
            record = self._records.get(tx, limits.dataset)
        return record is not None and not record.withdrawn and limits.stand_beside(record.offer)

    def lapse(self, dataset: str, offer: Mapping[str, Any] | None) -> bool:
        """Return whether ``dataset`` has limits that are not in force for ``offer``."""
        with self._uow.read() as tx:
            limits = self._store.get(tx, dataset)
        return limits is not None and not limits.stand_beside(offer)

    def clear(self, dataset: str, *, by: Caller) -> None:
        """Remove the limits: from now on, only terms equal to the offer are accepted.

        Raises ``NotAllowed``, and ``NotFound`` if there are no limits.
        """
        require(by, UseCase.SET_LIMITS)
        with self._uow.begin() as tx:
            if self._store.get(tx, dataset) is None:
                raise NotFound("this asset has no limits", remedy="set some first: hansa limits IRI --give")
            self._store.drop(tx, dataset)
            self._append(tx, EntryKind.DECISION, dataset, by.name, {"limits": None})

    def _require_offer(self, tx: Transaction, dataset: str) -> Mapping[str, Any]:
        record = self._records.get(tx, dataset)
        if record is None or record.withdrawn or record.offer is None or record.origin != self._me:
            raise NotFound("this node has no offer for this asset", remedy="publish the asset with conditions first")
        return record.offer


def _check_limits(terms: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    if same_terms(terms, own):
        raise InvalidInput(
            "these are the terms of the offer, which this node accepts anyway",
            remedy="name more open ones: a later last day, more purposes, fewer duties",
            facts={"case": "limits-same"},
        )
    if parse(own).sealed and not parse(terms).sealed:
        raise InvalidInput(
            "the asset is delivered sealed, but the limits do not say so",
            remedy="add sealed: true",
            facts={"case": "limits-unsealed"},
        )
    if breaches := beyond(own, terms):
        raise InvalidInput(
            "the offer itself is more open than these limits",
            remedy="limits can only extend the offer; to offer less, publish the asset again",
            facts={"case": "limits-narrower", "findings": [breach.to_json() for breach in breaches]},
        )
