"""Nodes that follow one another without a network: feeds over ASGI, DID documents from a table.

``Network.spoil`` changes what a follower is answered: a hostile or broken feed server is one function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx2
from fastapi import FastAPI

from federation.members import Members
from federation.replicate.client import Replicate
from federation.replicate.model import Limits, Outcome
from federation.replicate.poll import Poll
from federation.witness import Witness
from node.base.errors import PeerUnreachable
from node.catalogue.model import Followed
from node.catalogue.ports import FollowStore
from node.identity.model import Caller, DidDocument
from tests.fakes.catalogue import CatalogueNode
from tests.fakes.catalogue_http import HEADER, application
from tests.fakes.stores.node_state import MemoryFollowStore

Answer = tuple[int, dict[str, str], bytes]
Spoil = Callable[[str, Answer], Answer]


class Network:
    """All nodes that can be reached, and what is asked of them."""

    def __init__(self) -> None:
        self._apps: dict[str, FastAPI] = {}
        self._documents: dict[str, DidDocument] = {}
        self.asked: list[str] = []
        self.spoil: Spoil = lambda url, answer: answer
        self.down: set[str] = set()

    def join(self, node: CatalogueNode, callers: Mapping[str, Caller] | None = None) -> None:
        """Make ``node`` reachable; ``callers`` says who somebody is to it, by DID."""
        self._apps[node.base] = application(node, callers or {})
        self.document(node.keys.document())

    def document(self, document: DidDocument) -> None:
        self._documents[document.id] = document

    async def did_document(self, did: str, *, fresh: bool = False) -> DidDocument:
        if did not in self._documents:
            raise PeerUnreachable(f"{did} does not answer")
        return self._documents[did]

    async def fetch(self, url: str, headers: Mapping[str, str], *, audience: str, me: str) -> Answer:
        self.asked.append(url)
        base = next((one for one in sorted(self._apps, reverse=True) if url.startswith(one + "/")), None)
        if base is None or base in self.down:
            raise PeerUnreachable(f"{url} does not answer")
        transport = httpx2.ASGITransport(app=self._apps[base])
        async with httpx2.AsyncClient(transport=transport) as http:
            answer = await http.get(url, headers={**headers, HEADER: me})
        return self.spoil(url, (answer.status_code, dict(answer.headers), answer.content))


class Follower:
    """The federation of one node."""

    def __init__(
        self,
        node: CatalogueNode,
        network: Network,
        limits: Limits | None = None,
        store: FollowStore | None = None,
    ) -> None:
        self.node = node
        self.store: FollowStore = store or MemoryFollowStore()

        async def fetch(url: str, headers: Mapping[str, str], *, audience: str, wait: int = 0) -> Answer:
            sent = {**headers, "Prefer": f"wait={wait}"} if wait else headers
            return await network.fetch(url, sent, audience=audience, me=node.did)

        self.members = Members(
            uow=node.uow,
            store=self.store,
            append=node.append,
            peers=network,  # type: ignore[arg-type]
            clock=node.clock,
            me=node.did,
        )
        self.replicate = Replicate(
            uow=node.uow,
            records=node.records,
            versions=node.versions,
            append=node.append,
            members=self.members,
            peers=network,  # type: ignore[arg-type]
            fetch=fetch,
            clock=node.clock,
            me=node.did,
            own_base=node.base,
            limits=limits,
        )
        self.witness = Witness(members=self.members, replicate=self.replicate, fetch=fetch)
        self.poll = Poll(
            members=self.members,
            replicate=self.replicate,
            uow=node.uow,
            clock=node.clock,
            on_change=node.settle,
            listen=self.witness.listen,
            compare_each=0,
            fetch=fetch,
        )

    async def follow(self, other: CatalogueNode) -> Followed:
        return await self.members.add(other.base, self.node.steward)

    async def run(self, other: CatalogueNode) -> Outcome:
        """Run the federation once; raises what the client raises."""
        outcome = await self.replicate.run(self.stored(other))
        self.node.settle()
        return outcome

    def stored(self, other: CatalogueNode) -> Followed:
        with self.node.uow.read() as tx:
            found = self.store.get(tx, other.base)
        assert found is not None
        return found

    def put_aside(self, other: CatalogueNode) -> list[dict[str, Any]]:
        return list(self.stored(other).cursor.get("putAside", []))

    def iris(self) -> set[str]:
        """Return the IRIs of all records of other nodes that this node holds."""
        with self.node.uow.read() as tx:
            return {record.iri for record in self.node.records.current(tx) if record.origin != self.node.did}
