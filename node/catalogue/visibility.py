"""Who may see a record: the one rule behind every door.

Not allowed to see is the same as not existing. Every list, count, facet, feed page, query and single record is
cut down by the audiences that this module gives for a caller, and by nothing else.

An asset exists for whom its newest version is for: who is shut out today sees no version of it. An earlier version
is seen by whom every version from it to the newest is for. So a version for a narrower audience hides those before
it, and one for a wider audience governs versions from then on only, unless the publisher chose to open the earlier
ones too.
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
        """``rules`` may be a function: whose credentials count changes when the node joins a region."""
        self._rules = rules if callable(rules) else lambda: rules
        self._me = me

    @property
    def known(self) -> frozenset[str]:
        """The audiences that a record of this node may be published for."""
        return frozenset({PUBLIC, INTERNAL, *(rule.name for rule in self._rules())})

    def audiences(self, caller: Caller) -> frozenset[str] | None:
        """The audiences that ``caller`` belongs to; None for this node's own people, who see all."""
        return audiences_of(caller, self._rules(), self._me)

    def may_see(self, record: Record, caller: Caller) -> bool:
        """Whether ``record``, the newest version of its asset, exists for ``caller``."""
        return admits(self.audiences(caller), record.audience)


def admits(audiences: Collection[str] | None, audience: str) -> bool:
    """Whether a caller with ``audiences`` (None: all) sees what is meant for ``audience``."""
    return audiences is None or audience in audiences


def absent() -> NotFound:
    """The one answer for what does not exist, for this caller or at all."""
    return NotFound("there is no such asset here", remedy="check the IRI, or search for it by its title")
