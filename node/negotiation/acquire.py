"""Acquiring an asset of another node: its offer, whether we qualify, and the negotiation about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from node.base.clock import Clock
from node.base.errors import InvalidInput, NotFound
from node.base.threads import in_thread, read_briefly
from node.base.work import Transaction, UnitOfWork
from node.catalogue.ports import RecordStore
from node.dialogue.process import Role
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.identity.shared_requests import SharedRequests
from node.negotiation.agreement import agreed_version
from node.negotiation.machine import TABLE
from node.negotiation.model import Agreement, Negotiation
from node.negotiation.origin import provider_of
from node.negotiation.ports import AgreementStore, NegotiationStore, ProviderCatalogue
from node.negotiation.usecases import Negotiations
from node.policy.comparison import same_terms
from node.policy.decide import decide, principal_action
from node.policy.model import Decision, Situation
from node.policy.odrl import parse
from node.policy.rules import Policy
from node.policy.templates import compile_terms

__all__ = ["Acquire", "Conditions", "provider_of"]


_MOST: Final = 1000
"""The most negotiations with one provider that are read for each state that is not final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOffer:
    """The offer of a provider for an asset. ``dataset`` is the DSP Dataset, ``address`` its protocol base URL."""

    dataset: dict[str, Any]
    provider: str
    address: str
    offer: dict[str, Any]
    policy: Policy

    @property
    def iri(self) -> str:
        return str(self.dataset["@id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions(ProviderOffer):
    """The offer of a provider for an asset, and what this node has about the asset already.

    The *requested terms* are the offer, or the other terms passed to ``Acquire.conditions``. ``agreement`` is an
    agreement in force that resulted from the same request or has the same terms; ``others`` are those in force with
    other terms, newest first. ``running`` is our newest negotiation about the asset that has not ended;
    ``running_asks`` is whether it requests the same terms.
    """

    decision: Decision
    agreement: Agreement | None
    others: Sequence[Agreement] = ()
    running: Negotiation | None = None
    running_asks: bool = False


class Acquire:
    """The consumer's way to an asset. ``wallet`` returns our own credentials as the provider would see them."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        records: RecordStore,
        agreements: AgreementStore,
        processes: NegotiationStore,
        negotiations: Negotiations,
        catalogue: ProviderCatalogue,
        wallet: Callable[[], Awaitable[Caller]],
        issuers: Callable[[], dict[str, tuple[str, ...]]],
        clock: Clock,
        me: str,
        require_not_blocked: Callable[[str], Awaitable[None]],
        region: Callable[[], str | None],
    ) -> None:
        """``require_not_blocked`` raises ``Conflict`` for a participant that this node has blocked; ``region`` is the
        region of conditions that name no region."""
        self._region = region
        self._require_not_blocked = require_not_blocked
        self._uow = uow
        self._records = records
        self._agreements = agreements
        self._processes = processes
        self._negotiations = negotiations
        self._catalogue = catalogue
        self._wallet = wallet
        self._issuers = issuers
        self._clock = clock
        self._me = me
        self._asking = SharedRequests[Negotiation]()  # Two clicks at once make one request.
        self._fetching = SharedRequests[tuple[dict[str, Any], str]]()

    async def conditions(
        self,
        iri: str,
        *,
        offer_id: str | None = None,
        purpose: str | None = None,
        asking: Mapping[str, Any] | str | None = None,
        version: int | None = None,
    ) -> Conditions:
        """Return the current offer of the provider of ``iri``, and what we have about the asset already. ``asking``
        are the requested terms if they differ from the offer, in the form that
        ``node.policy.templates.compile_terms`` takes. Unless terms are requested, an agreement that was made for
        ``version`` of the asset comes before others.

        Raises ``NotFound`` if the provider has no such offer for us, ``InvalidInput`` for an IRI of our own,
        ``Conflict`` if we have blocked the provider, ``PeerUnreachable`` if it does not answer, and ``InvalidInput``
        for terms that cannot be read.
        """
        offer = await self._fetch_offer(iri, offer_id)
        situation = Situation(
            caller=await self._wallet(),
            at=self._clock.now(),
            provider=offer.provider,
            purpose=purpose,
            negotiating=True,
            issuers=self._issuers(),
        )
        conditions = Conditions(
            dataset=offer.dataset,
            provider=offer.provider,
            address=offer.address,
            offer=offer.offer,
            policy=offer.policy,
            decision=decide(offer.policy, situation, action=principal_action(offer.policy)),
            agreement=None,
        )
        terms = self._terms(conditions, asking) if asking is not None else offer.offer
        return await in_thread(partial(self._between_us, conditions, terms, version if asking is None else None))

    async def _fetch_offer(self, iri: str, offer_id: str | None) -> ProviderOffer:
        """Return the current offer of the provider of ``iri``. Raises as ``conditions``."""
        provider = await read_briefly(self._uow, partial(self._provider_of, iri))
        if provider == self._me:
            raise InvalidInput("your node publishes this asset itself", remedy=f"open it at {iri}")
        await self._require_not_blocked(provider)
        # Many who ask for the same asset at the same time share a request; each still gets an offer that was fetched
        # after the question.
        dataset, address = await self._fetching.join_next(
            repr((provider, iri)), lambda: self._catalogue.dataset(provider, iri)
        )
        offers = [offer for offer in dataset.get("hasPolicy", []) if offer_id in (None, offer.get("@id"))]
        if not offers:
            raise NotFound("the provider has no such offer for this asset", remedy="request its present offers again")
        return ProviderOffer(
            dataset=dataset, provider=provider, address=address, offer=offers[0], policy=parse(offers[0])
        )

    async def request(
        self,
        iri: str,
        by: Caller,
        *,
        offer_id: str | None = None,
        purpose: str | None = None,
        asking: Mapping[str, Any] | str | None = None,
        least: Mapping[str, Any] | str | None = None,
    ) -> Negotiation:
        """Request ``iri`` under exactly the offered terms, or under those of ``asking``. An answer that allows
        everything that ``least`` allows (default: ``asking``) is then accepted without a person. Both take the form
        that ``node.policy.templates.compile_terms`` takes.

        Raises ``NotAllowed``, as ``conditions``, and ``InvalidInput`` for terms that cannot be read.
        """
        require(by, UseCase.NEGOTIATE)
        # A request always opens a negotiation, so earlier agreements and negotiations are not read here.
        offered = await self._fetch_offer(iri, offer_id)
        return await self._negotiate(offered, purpose=purpose, asking=asking, least=least)

    async def _negotiate(
        self,
        provider_offer: ProviderOffer,
        *,
        purpose: str | None = None,
        asking: Mapping[str, Any] | str | None = None,
        least: Mapping[str, Any] | str | None = None,
    ) -> Negotiation:
        await self._require_not_blocked(provider_offer.provider)
        terms = self._terms(provider_offer, asking) if asking is not None else None
        limits = self._terms(provider_offer, least) if least is not None else terms
        return await in_thread(
            lambda: self._negotiations.request(
                provider=provider_offer.provider,
                address=provider_offer.address,
                dataset=provider_offer.iri,
                offer=terms or provider_offer.offer,
                purpose=purpose,
                limits=limits,
            )
        )

    async def ask(self, iri: str, by: Caller, *, purpose: str | None = None) -> Negotiation:
        """Request ``iri`` as it is offered; return the running negotiation if the same was requested before.

        Raises ``NotAllowed``, and as ``conditions``.
        """
        require(by, UseCase.NEGOTIATE)
        return await self._asking.join(repr((iri, purpose)), lambda: self._ask(iri, purpose))

    async def _ask(self, iri: str, purpose: str | None) -> Negotiation:
        conditions = await self.conditions(iri, purpose=purpose)
        running = conditions.running
        if running is not None and conditions.running_asks and running.purpose == purpose:
            return running  # A repeated request, after a crash or by impatience, is the same request.
        return await self._negotiate(conditions, purpose=purpose)

    def _terms(self, provider_offer: ProviderOffer, asking: Mapping[str, Any] | str) -> dict[str, Any]:
        offer_id = str(provider_offer.offer["@id"])
        return compile_terms(asking, target=provider_offer.iri, offer_id=offer_id, region=self._region())

    def _provider_of(self, iri: str) -> str:
        with self._uow.read() as tx:
            record = self._records.get(tx, iri)
        return record.origin if record is not None else provider_of(iri)

    def _between_us(self, conditions: Conditions, terms: Mapping[str, Any], version: int | None) -> Conditions:
        """Return ``conditions`` with the agreements in force and the running negotiation."""
        with self._uow.read() as tx:
            agreements = self._agreements.select(
                tx, dataset=conditions.iri, provider=conditions.provider, consumer=self._me
            )
            in_force = [agreement for agreement in agreements if agreement.in_force]
            fitting = next(
                (a for a in in_force if version is not None and agreed_version(a.body) == version), None
            ) or next((agreement for agreement in in_force if self._answers(tx, agreement, terms)), None)
            running = self._running(tx, conditions.iri, conditions.provider)
        return replace(
            conditions,
            agreement=fitting,
            others=tuple(agreement for agreement in in_force if agreement is not fitting),
            running=running,
            running_asks=_asked_for(running, terms),
        )

    def _answers(self, tx: Transaction, agreement: Agreement, terms: Mapping[str, Any]) -> bool:
        says_it = same_terms(agreement.body, terms)
        return says_it or _asked_for(self._processes.get(tx, agreement.negotiation), terms)

    def _running(self, tx: Transaction, iri: str, provider: str) -> Negotiation | None:
        alive = (self._processes.select(tx, state=state, peer=provider, limit=_MOST) for state in TABLE.live)
        ours = [
            negotiation
            for some in alive
            for negotiation in some
            if negotiation.dataset == iri and negotiation.role is Role.CONSUMER
        ]
        return max(ours, key=lambda negotiation: negotiation.created, default=None)


def _asked_for(negotiation: Negotiation | None, terms: Mapping[str, Any]) -> bool:
    """Return whether ``terms`` is what we requested last in this negotiation. Its result then answers the request,
    even if it has other terms that were accepted here."""
    asked = negotiation.asked if negotiation is not None else None
    return asked is not None and same_terms(asked, terms)
