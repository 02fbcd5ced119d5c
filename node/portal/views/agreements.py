"""Agreements as pages show them: the current decision, every access, the readable document, and the proofs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final, Protocol

from anyio.to_thread import run_sync

from node.base.clock import moment
from node.base.errors import HansaError, NotAllowed, NotFound
from node.catalogue.access import decision_with_names
from node.dialogue.process import Role
from node.identity.model import Caller
from node.ledger.verification import Check
from node.negotiation.messages import TERMS
from node.negotiation.model import Agreement
from node.negotiation.uses import Tally
from node.policy.decide import decide, principal_action
from node.policy.document.rendering import render_body
from node.policy.model import Decision, Situation
from node.policy.odrl import parse
from node.portal.reasons import Why, whys
from node.transfer.deletion.due import DeletionDuties
from node.transfer.deletion.model import Due
from node.transfer.overview import Overview

CHECKED: Final = 200
"""The number of agreements of the list, newest first, that are evaluated; older ones are on their own pages."""

PATIENCE: Final = 2.0
"""Seconds that the list of agreements waits for status lists."""

Texts = dict[str, str]
"""Language tag → text."""

Look = Callable[[str], Awaitable[Caller]]
"""DID → the participant with its current credentials. Raises ``NotAllowed`` if it is blocked here."""

SituationOf = Callable[[Caller, Agreement], Situation]
"""(consumer, agreement) → the situation for evaluating an access by the consumer now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementView:
    """An agreement as the pages show it. ``kind`` is that of its asset, if the agreement names it.

    ``now`` is the decision about an access at this moment; None if it could not be made. ``barred``: the other party
    is blocked at this node, so every access is refused. ``uses`` is how often it was used, if it limits uses;
    ``deletion`` is the state of its deletion, if it requires one. ``names`` has the participants that its conditions
    name: DID → name."""

    agreement: Agreement
    title: Texts
    provider_name: str
    consumer_name: str
    kind: str = ""
    now: Decision | None = None
    barred: bool = False
    uses: Tally | None = None
    deletion: Due | None = None
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRecord:
    """An access under an agreement, as the ledger records it; ``reasons`` explain a refusal."""

    at: datetime
    by: str
    permitted: bool
    what: str
    size: int | None = None
    transfer: str = ""
    reasons: tuple[Why, ...] = ()
    entry: str = ""
    seq: int | None = None


class Proofs(Protocol):
    """Proofs of a running node."""

    async def own_ledger(self) -> list[Check]: ...

    async def agreement(self, agreement_id: str) -> list[Check]: ...

    async def export(self, agreement_id: str) -> bytes: ...


class Agreements:
    """The agreements of this node."""

    def __init__(
        self,
        overview: Overview,
        duties: DeletionDuties,
        *,
        look: Look,
        situation: SituationOf,
        names: Callable[[], Mapping[str, str]],
    ) -> None:
        """``names`` returns the names of known participants, by DID: conditions show them."""
        self._overview = overview
        self._duties = duties
        self._look = look
        self._situation = situation
        self._names = names

    async def all(self) -> Sequence[AgreementView]:
        """Return all agreements, newest first."""
        agreements = await run_sync(self._overview.agreements)
        consumers = {agreement.consumer for agreement in agreements[:CHECKED] if not agreement.ended}
        looks = {did: asyncio.ensure_future(self._look(did)) for did in consumers}
        if looks:
            # Status lists are fetched: a list of agreements does not wait for a slow issuer.
            await asyncio.wait(looks.values(), timeout=PATIENCE)
        for look in looks.values():
            look.cancel()
        checked = [looks.get(agreement.consumer) for agreement in agreements[:CHECKED]]
        pairs = list(zip_longest(agreements, checked))
        return await run_sync(
            lambda: [_agreement_view(agreement, look, self._situation, {}) for agreement, look in pairs]
        )

    async def running(self, dataset: str) -> Sequence[AgreementView]:
        """Return the agreements under which others may use an asset of this node, newest first, without ``now``."""
        return await self._in_force(dataset, Role.PROVIDER)

    async def usable(self, dataset: str) -> Sequence[AgreementView]:
        """Return the agreements under which this node may use an asset, newest first, without ``now``."""
        return await self._in_force(dataset, Role.CONSUMER)

    async def ids_about(self, dataset: str) -> frozenset[str]:
        """Return the ids of the agreements about an asset."""
        agreements = await run_sync(self._overview.agreements_about, dataset)
        return frozenset(agreement.id for agreement in agreements)

    async def by_id(self, ids: Collection[str]) -> Mapping[str, AgreementView]:
        """Return the agreements of these ids without ``now``; those that are not there are left out."""
        return await run_sync(self._by_id, ids)

    def _by_id(self, ids: Collection[str]) -> Mapping[str, AgreementView]:
        views = {}
        for agreement_id in ids:
            with suppress(NotFound):
                agreement = self._overview.agreement(agreement_id)
                views[agreement_id] = _agreement_view(agreement, None, self._situation, {})
        return views

    async def _in_force(self, dataset: str, role: Role) -> Sequence[AgreementView]:
        known = await run_sync(self._overview.agreements_about, dataset)
        own = [agreement for agreement in known if agreement.role == role and agreement.in_force]
        return [_agreement_view(agreement, None, self._situation, {}) for agreement in own]

    async def get(self, agreement_id: str) -> AgreementView:
        """Return an agreement with ``now``. Raises ``NotFound``."""
        agreement = await run_sync(lambda: self._overview.agreement(agreement_id))
        look = asyncio.ensure_future(self._look(agreement.consumer))
        await asyncio.wait([look])

        def judge() -> AgreementView:
            uses, deletion = self._overview.uses(agreement), self._duties.of(agreement)
            return _agreement_view(agreement, look, self._situation, self._names(), uses=uses, deletion=deletion)

        return await run_sync(judge)

    async def document(self, agreement_id: str, language: str | None) -> str:
        """Return the readable document as HTML, in one language or (None) in those of both parties."""
        held = await run_sync(lambda: self._overview.agreement(agreement_id))
        return await run_sync(lambda: render_body(dict(held.body), language=language, signatures=held.signatures))

    async def accesses(self, agreement_id: str) -> Sequence[AccessRecord]:
        """Return the accesses that this node, as the provider, gave or refused; newest first."""
        kept = await run_sync(lambda: self._overview.accesses(agreement_id))
        return [_access_record(one) for one in reversed(kept)]


def _agreement_view(
    agreement: Agreement,
    look: asyncio.Future[Caller] | None,
    situation: SituationOf,
    names: Mapping[str, str],
    *,
    uses: Tally | None = None,
    deletion: Due | None = None,
) -> AgreementView:
    """Evaluate ``agreement`` for the consumer that ``look`` returned, if any; conditions show ``names``."""
    terms = agreement.body.get(TERMS) or {}
    parties = {
        did: str((terms.get(side) or {}).get("name") or did)
        for side, did in (("provider", agreement.provider), ("consumer", agreement.consumer))
    }
    now, is_barred, names_by_did = None, False, {}
    if look is not None and look.done() and not look.cancelled():
        failure = look.exception()
        is_barred = isinstance(failure, NotAllowed)
        if failure is not None and not isinstance(failure, HansaError):
            raise failure
        if failure is None:
            policy = parse(agreement.body)
            now = decide(policy, situation(look.result(), agreement), action=principal_action(policy))
            names_by_did = _named_in(now, {**parties, **names})
            now = decision_with_names(now, names_by_did)
    asset = terms.get("asset") or {}
    return AgreementView(
        agreement=agreement,
        title=dict(asset.get("title") or {}),
        kind=str(asset.get("kind") or ""),
        provider_name=parties[agreement.provider],
        consumer_name=parties[agreement.consumer],
        now=now,
        barred=is_barred,
        names=names_by_did,
        uses=uses,
        deletion=deletion,
    )


def _named_in(decision: Decision, names: Mapping[str, str]) -> dict[str, str]:
    """Return the DIDs that the reasons of ``decision`` mention and that have a name."""
    texts = " ".join(
        text for reason in decision.reasons for text in (*reason.text.values(), *reason.remedy.values(), reason.have)
    )
    return {did: name for did, name in names.items() if name != did and did in texts}


def _access_record(entry: dict[str, Any]) -> AccessRecord:
    """Return an access from its form in the overview (``Overview.accesses``)."""
    outcome = str(entry.get("outcome", ""))
    span = entry.get("bytes")
    return AccessRecord(
        at=moment(entry["at"]),
        by=entry["by"],
        permitted=outcome != "refused",
        what=outcome,
        size=span[1] - span[0] if isinstance(span, list) and None not in span else None,
        transfer=str(entry.get("transfer", "")),
        reasons=tuple(whys(entry.get("reasons") or entry.get("reason") or [])),
    )
