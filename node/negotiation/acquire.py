"""Getting an asset of another node: what it asks, whether we qualify, and the negotiation for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import InvalidInput, NotFound
from node.base.work import UnitOfWork
from node.catalogue.ports import RecordStore
from node.identity.model import Caller
from node.negotiation.model import Agreement, Negotiation
from node.negotiation.origin import provider_of
from node.negotiation.ports import AgreementStore, ProviderCatalogue
from node.negotiation.usecases import Negotiations
from node.policy.decide import decide, principal_action
from node.policy.model import Decision, Situation
from node.policy.odrl import parse, same_terms
from node.policy.rules import Policy
from node.policy.templates import compile_conditions

__all__ = ["Acquire", "Conditions", "provider_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a provider asks for an asset, and how we stand. ``dataset`` is the DSP Dataset."""

    dataset: dict[str, Any]
    provider: str
    address: str
    offer: dict[str, Any]
    policy: Policy
    standing: Decision
    agreement: Agreement | None

    @property
    def iri(self) -> str:
        return str(self.dataset["@id"])


class Acquire:
    """The consumer's way to an asset. ``wallet`` gives ourselves as the provider would see us."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        records: RecordStore,
        agreements: AgreementStore,
        negotiations: Negotiations,
        catalogue: ProviderCatalogue,
        wallet: Callable[[], Awaitable[Caller]],
        issuers: Callable[[], dict[str, tuple[str, ...]]],
        clock: Clock,
        me: str,
        require_not_blocked: Callable[[str], Awaitable[None]],
        region: Callable[[], str | None],
    ) -> None:
        """``require_not_blocked`` raises ``Conflict`` for a participant that this node deals with no more; ``region``
        is what conditions mean that name none."""
        self._region = region
        self._require_not_blocked = require_not_blocked
        self._uow = uow
        self._records = records
        self._agreements = agreements
        self._negotiations = negotiations
        self._catalogue = catalogue
        self._wallet = wallet
        self._issuers = issuers
        self._clock = clock
        self._me = me

    async def conditions(self, iri: str, *, offer_id: str | None = None, purpose: str | None = None) -> Conditions:
        """What the provider of ``iri`` asks of us today.

        Raises ``NotFound`` where there is nothing for us, ``InvalidInput`` for an IRI of our own,
        ``Conflict`` where we have blocked the provider, ``PeerUnreachable`` where it does not answer.
        """
        provider = await run_sync(self._provider_of, iri)
        if provider == self._me:
            raise InvalidInput("this asset is this node's own", remedy="read it where it lies")
        await self._require_not_blocked(provider)
        dataset, address = await self._catalogue.dataset(provider, iri)
        offers = [offer for offer in dataset.get("hasPolicy", []) if offer_id in (None, offer.get("@id"))]
        if not offers:
            raise NotFound("the provider makes no such offer for this asset")
        offer = offers[0]
        policy = parse(offer)
        situation = Situation(
            caller=await self._wallet(),
            at=self._clock.now(),
            provider=provider,
            purpose=purpose,
            negotiating=True,
            issuers=self._issuers(),
        )
        return Conditions(
            dataset=dataset,
            provider=provider,
            address=address,
            offer=offer,
            policy=policy,
            standing=decide(policy, situation, action=principal_action(policy)),
            agreement=await run_sync(lambda: self._in_force(iri, provider, offer)),
        )

    async def negotiate(
        self,
        conditions: Conditions,
        *,
        purpose: str | None = None,
        asking: Mapping[str, Any] | str | None = None,
        least: Mapping[str, Any] | str | None = None,
    ) -> Negotiation:
        """Ask for the asset under exactly the offered terms, or under those of ``asking``; an answer that allows all
        that ``least`` does (else ``asking``) is then accepted without a person. Both as
        ``node.policy.templates.compile_conditions`` takes them.

        Raises ``Conflict`` where we have blocked the provider, ``InvalidInput`` for terms that cannot be read.
        """
        await self._require_not_blocked(conditions.provider)
        wanted = self._terms(conditions, asking) if asking is not None else None
        limits = self._terms(conditions, least) if least is not None else wanted
        return await run_sync(
            lambda: self._negotiations.request(
                provider=conditions.provider,
                address=conditions.address,
                dataset=conditions.iri,
                offer=wanted or conditions.offer,
                purpose=purpose,
                limits=limits,
            )
        )

    def _terms(self, conditions: Conditions, said: Mapping[str, Any] | str) -> dict[str, Any]:
        offer_id = str(conditions.offer["@id"])
        compiled = compile_conditions(said, target=conditions.iri, offer_id=offer_id, region=self._region())
        if compiled.offer is None:
            raise InvalidInput(
                "these conditions ask for nothing", remedy="name conditions under which you may use it"
            )
        parse(compiled.offer)
        return compiled.offer

    def _provider_of(self, iri: str) -> str:
        with self._uow.read() as tx:
            record = self._records.get(tx, iri)
        return record.origin if record is not None else provider_of(iri)

    def _in_force(self, iri: str, provider: str, offer: dict[str, Any]) -> Agreement | None:
        with self._uow.read() as tx:
            held = self._agreements.select(tx, dataset=iri, provider=provider, consumer=self._me, limit=5)
        return next(
            (agreement for agreement in held if agreement.in_force and same_terms(agreement.body, offer)),
            None,
        )
