"""The visibility of a record: one rule for every way to read the catalogue.

For a caller, a record that it may not see does not exist. Every list, count, facet, feed page, query and single
record is restricted to the audiences that this module returns for a caller, and by nothing else.

A caller sees an asset if its newest version is for one of the caller's audiences; otherwise it sees no version of
the asset. It sees an earlier version if every version from that one to the newest is for one of its audiences. So a
version for a narrower audience hides the versions before it. A version for a wider audience opens only itself and
later ones, unless the publisher chose to open the earlier ones too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from node.base.errors import NotFound
from node.catalogue.model import INTERNAL, PUBLIC, Record
from node.identity.model import Caller
from node.policy.visible import AudienceRule, audiences_of


class Visibility:
    """Audiences of callers, by the rules of this node and its region's rulebook."""

    def __init__(self, rules: Sequence[AudienceRule] | Callable[[], Sequence[AudienceRule]], me: str) -> None:
        """``rules`` may be a function: the trusted issuers of credentials change when the node joins a region."""
        self._rules = rules if callable(rules) else lambda: rules
        self._me = me

    @property
    def known_audiences(self) -> frozenset[str]:
        """Return the audiences that a record of this node may be published for."""
        return frozenset({PUBLIC, INTERNAL, *(rule.name for rule in self._rules())})

    def audiences(self, caller: Caller) -> frozenset[str] | None:
        """Return the audiences of ``caller``; None for this node's own people, who see all."""
        return audiences_of(caller, self._rules(), self._me)

    @property
    def me(self) -> str:
        """Return the DID of this node."""
        return self._me

    def owns(self, record: Record) -> bool:
        """Return whether this node is responsible for ``record``."""
        return record.origin == self._me

    def may_see(self, record: Record, caller: Caller) -> bool:
        """Return whether ``record``, the newest version of its asset, exists for ``caller``."""
        return admits(self.audiences(caller), record.audience)


def admits(audiences: Collection[str] | None, audience: str) -> bool:
    """Return whether a caller with ``audiences`` (None: all) sees a record for ``audience``."""
    return audiences is None or audience in audiences


def absent() -> NotFound:
    """Return the error for an asset that does not exist, or that this caller may not see: it is the same."""
    return NotFound("there is no such asset here", remedy="check the IRI, or search for it by its title")
