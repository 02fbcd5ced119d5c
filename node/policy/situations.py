"""The situations in which this node evaluates policies: caller, time, rulebook, trusted issuers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from node.base.clock import Clock
from node.identity.credentials.ourselves import Ourselves
from node.identity.credentials.trust import TrustList
from node.identity.model import Caller
from node.policy.decide import decide, principal_action
from node.policy.model import Decision, Situation
from node.policy.odrl import parse
from node.policy.portion import ENFORCED
from node.policy.terms import READ

Rulebook = Callable[[], Mapping[str, Any] | None]
"""The rulebook in force (``node.catalogue.rulebook``): its IRI, version and hash."""


class Situations:
    """Builds situations from this node's knowledge: the rulebook in force, the trusted issuers, the time."""

    def __init__(self, *, trust: TrustList, rulebook: Rulebook, ourselves: Ourselves, clock: Clock, me: str) -> None:
        self._trust = trust
        self._rulebook = rulebook
        self.ourselves = ourselves
        self._clock = clock
        self._me = me

    def of_asking(self, caller: Caller, at: datetime, provider: str) -> Situation:
        """Return the situation of a caller who reads the catalogue. A person views others' assets on behalf of this
        node: then this node's credentials count."""
        asking = self.ourselves.last_state if caller.is_person and provider != self._me else caller
        return Situation(
            caller=asking, at=at, provider=provider, rulebook=self._rulebook_iri(), issuers=self._trust.to_json()
        )

    def under_agreement(
        self,
        caller: Caller,
        *,
        provider: str,
        at: datetime | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Situation:
        """Return the situation of a use under an agreement, now or at ``at``: a person has consented, undertakings
        were given. ``facts`` are known beyond the caller, by the IRI of the left operand."""
        return Situation(
            caller=caller,
            at=at or self._clock.now(),
            provider=provider,
            approved=True,
            agreed=True,
            rulebook=self._rulebook_iri(),
            issuers=self._trust.to_json(),
            # Of what another node provides, only the agreed part has come here.
            facts={**(ENFORCED if provider != self._me else {}), **(facts or {})},
        )

    def judge(
        self,
        policy: Mapping[str, Any],
        caller: Caller,
        *,
        provider: str,
        action: str | None = None,
        at: datetime | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Return the decision of ``policy`` (an agreement) about ``action``, by default its principal one."""
        read = parse(policy)
        situation = self.under_agreement(caller, provider=provider, at=at, facts=facts)
        return decide(read, situation, action=action or principal_action(read))

    def _rulebook_iri(self) -> str | None:
        rulebook = self._rulebook()
        return str(rulebook["iri"]) if rulebook else None


class VisitDecisions:
    """Decides whether a participant may now read data covered by an agreement of this node; credentials are checked
    again."""

    def __init__(self, situations: Situations, recheck: Callable[[str], Awaitable[Caller]], me: str) -> None:
        self._situations = situations
        self._recheck = recheck
        self._me = me

    async def __call__(self, policy: Mapping[str, Any], did: str | None, facts: Mapping[str, Any]) -> Decision:
        """Return the decision for ``did``; None is this node itself."""
        caller = await (self._recheck(did) if did is not None else self._situations.ourselves.look())
        return self._situations.judge(policy, caller, provider=self._me, action=READ, facts=facts)
