"""The Dataspace Protocol as facts: versions, contexts, paths. A version is a value, not a copy of modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from node.vocab.namespaces import DCAT, DCT, ODRL, XSD


@dataclass(frozen=True, slots=True)
class DspVersion:
    """One version of the protocol: its name, its path below the node's root, its JSON-LD context, the namespace of
    its terms."""

    name: str
    path: str
    context: str
    namespace: str

    def at(self, address: str) -> str:
        """Return the address of this version's paths, next to those of 2025-1 at ``address``."""
        root = address.removesuffix(V2025_1.path)
        return address if root == address else root + self.path


V2025_1: Final = DspVersion(
    name="2025-1",
    path="/dsp/2025-1",
    context="https://w3id.org/dspace/2025/1/context.jsonld",
    namespace="https://w3id.org/dspace/2025/1/",
)

V2024_1: Final = DspVersion(
    name="2024/1",
    path="/dsp/2024-1",
    context="https://w3id.org/dspace/2024/1/context.json",
    namespace="https://w3id.org/dspace/2024/1/",
)

VERSIONS: Final = {V2025_1.name: V2025_1, V2024_1.name: V2024_1}
"""The first is the preferred version."""

_VOCABULARIES: Final = {"dct": DCT, "dcat": DCAT, "odrl": ODRL, "xsd": XSD}

CONTEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    V2025_1.context: {**_VOCABULARIES, "dspace": V2025_1.namespace},
    f"{V2025_1.namespace}odrl-profile.jsonld": {"odrl": ODRL},
    V2024_1.context: {**_VOCABULARIES, "dspace": V2024_1.namespace},
}
"""The contexts that a message may name by their addresses, and the prefixes that each defines;
``node.dialogue.terms`` maps their terms. No context is ever loaded: only these exist."""


def version_of(address: str) -> DspVersion:
    """Return the version of a peer's ``address``: the path shows it in all connectors that serve several."""
    return V2024_1 if address.rstrip("/").endswith(("/2024/1", "/2024-1")) else V2025_1


PULL: Final = "HttpData-PULL"
PUSH: Final = "HttpData-PUSH"
HTTP_ENDPOINT: Final = "https://w3id.org/idsa/v4.1/HTTP"
LIVE: Final = "https://w3id.org/hansa/ns#LiveRead"
"""The transfer format of reading data where they are: its data address stays open, and is read as often as needed."""
QUERY: Final = "https://w3id.org/hansa/ns#TableQuery"
"""The transfer format of asking a table: its data address stays open, and answers questions in SQL."""
GRAPH_QUERY: Final = "https://w3id.org/hansa/ns#GraphQuery"
"""The transfer format of asking a graph: its data address stays open, and answers questions in SPARQL."""
ASKED: Final = frozenset({QUERY, GRAPH_QUERY})
"""The transfer formats of asking: each question is a use of its own, and no bytes of a file leave."""
EXECUTE: Final = "https://w3id.org/hansa/ns#ProcessExecution"
"""The transfer format of calling a model: its data address is the end point of the execution."""
