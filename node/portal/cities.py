"""Names of nodes: the name of a DID, as the reader's catalogue knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.identity.model import Caller
from node.portal.markup import display_name
from node.portal.usecases import UseCases


@dataclass(frozen=True, slots=True)
class Cities:
    """Names of nodes. ``me`` is the DID of this one."""

    me: str
    names: Mapping[str, str]

    def name(self, did: str) -> str:
        """Return the name of the node; its identifier, shortened, if the name is unknown here."""
        return display_name(self.names.get(did, ""), did)

    def elsewhere(self, did: str) -> bool:
        return bool(did) and did != self.me


async def cities(node: UseCases, caller: Caller, mentions: Mapping[str, str] | None = None) -> Cities:
    """Return the names of nodes with assets for the caller, of this node, and of nodes in ``mentions`` of assets."""
    facts = await node.operation.facts()
    names = {did: name for did, name in (mentions or {}).items() if name}
    names |= {
        publisher.id: publisher.name for publisher in await node.catalogue.browse.publishers(caller) if publisher.name
    }
    return Cities(facts.did, {**names, facts.did: facts.name})
