"""The situations that policies are judged in at this node: who asks, when, under which rulebook, with whose word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from node.base.clock import Clock
from node.identity.credentials.ourselves import Ourselves
from node.identity.credentials.trust import TrustList
from node.identity.model import Caller
from node.policy.model import Situation

Rulebook = Callable[[], Mapping[str, Any] | None]
"""The rulebook in force (``node.catalogue.rulebook``): its IRI, version and hash."""


class Situations:
    """Makes situations from what this node knows: the rulebook in force, the issuers that it trusts, the time."""

    def __init__(self, *, trust: TrustList, rulebook: Rulebook, ourselves: Ourselves, clock: Clock, me: str) -> None:
        self._trust = trust
        self._rulebook = rulebook
        self._ourselves = ourselves
        self._clock = clock
        self._me = me

    def of_asking(self, caller: Caller, at: datetime, provider: str) -> Situation:
        """Somebody looks at what is offered. A person looks at others' assets for this node: what counts there is
        what this node holds."""
        asking = self._ourselves.seen if caller.is_person and provider != self._me else caller
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
        """A use of what was agreed, now or at ``at``: a person has consented, undertakings were given. ``facts`` are
        what is known beyond the caller, by the IRI of the left operand."""
        return Situation(
            caller=caller,
            at=at or self._clock.now(),
            provider=provider,
            approved=True,
            agreed=True,
            rulebook=self._rulebook_iri(),
            issuers=self._trust.to_json(),
            facts=dict(facts or {}),
        )

    def _rulebook_iri(self) -> str | None:
        rulebook = self._rulebook()
        return str(rulebook["iri"]) if rulebook else None
