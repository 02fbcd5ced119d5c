"""The view of three kinds of readers on a record before it is published: its visibility, and access to its data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from node.base.clock import Clock
from node.catalogue.access import Access, AccessCode
from node.catalogue.model import Record
from node.catalogue.visibility import Visibility
from node.identity.model import ANONYMOUS, Caller, Credential
from node.policy.labels import MEMBERSHIP_CREDENTIAL
from node.policy.model import Decision

_EXAMPLE: Final = "did:web:organisation.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewpoint:
    """A kind of reader: ``visitor`` (without an account), ``member`` of the node's region, or ``organisation``
    (another participant, without credentials). ``decision`` is about an access now; None if nothing is offered."""

    reader: str
    caller: Caller
    sees: bool
    access: AccessCode
    decision: Decision | None


class Viewpoints:
    """Judges a record for each kind of reader, as the catalogue and the contract policy will."""

    def __init__(
        self, *, visibility: Visibility, access: Access, region: Callable[[], str | None], clock: Clock
    ) -> None:
        """``region`` returns the DID of the region; without one there are no members."""
        self._visibility = visibility
        self._access = access
        self._region = region
        self._clock = clock

    def of(self, record: Record) -> Sequence[Viewpoint]:
        """Return the viewpoints of all kinds of readers on ``record``, which need not be published."""
        readers = {"visitor": ANONYMOUS, "member": self._member(), "organisation": Caller(did=_EXAMPLE)}
        return [
            Viewpoint(
                reader=reader,
                caller=caller,
                sees=self._visibility.may_see(record, caller),
                access=self._access.code(record, caller),
                decision=self._access.decision(record, caller),
            )
            for reader, caller in readers.items()
            if caller is not None
        ]

    def _member(self) -> Caller | None:
        region = self._region()
        if region is None:
            return None
        now = self._clock.now()
        membership = Credential(
            id="urn:example:membership",
            types=(MEMBERSHIP_CREDENTIAL,),
            issuer=region,
            subject=_EXAMPLE,
            claims={"memberOf": region},
            valid_from=now - timedelta(days=1),
            valid_until=now + timedelta(days=1),
        )
        return Caller(did=_EXAMPLE, credentials=(membership,))
