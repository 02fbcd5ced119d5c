"""JSON-LD contexts that ship with us: the only ones that a document may name by address.

Nothing is ever fetched for a document. An IRI of this table is replaced by its context; any other address is refused
with the advice to write the context into the document.
"""

from __future__ import annotations

from typing import Any, Final

from node.base.errors import InvalidInput
from node.vocab.namespaces import PREFIXES

HANSA_CONTEXT: Final = "https://w3id.org/hansa/context.jsonld"
"""Only the prefixes that people know."""

CONTEXTS: Final[dict[str, dict[str, Any]]] = {HANSA_CONTEXT: {"@context": dict(PREFIXES)}}

_MOST: Final = 100
"""The number of times that one document may name a context by address: each time, a copy is inserted."""


class _Placer:
    def __init__(self) -> None:
        self.placed = 0

    def document(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.document(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: self.context(item) if key == "@context" else item if key == "@value" else self.document(item)
            for key, item in value.items()
        }

    def context(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._find_context(value)
        if isinstance(value, list):
            placed = [self.context(item) for item in value]
            # A bundled context may be a list itself, and contexts do not nest.
            return [item for entry in placed for item in (entry if isinstance(entry, list) else [entry])]
        if not isinstance(value, dict):
            return value
        local = {key: self.document(item) for key, item in value.items() if key != "@import"}
        if "@import" in value:
            definitions = self._find_context(str(value["@import"]))
            if not isinstance(definitions, dict):
                raise InvalidInput("@import can name only one context", remedy="name it in @context instead")
            return {**definitions, **local}
        return local

    def _find_context(self, address: str) -> Any:
        context_of_node = CONTEXTS.get(address)
        if context_of_node is None:
            raise InvalidInput(
                f"the JSON-LD context {address[:200]} is unknown to this node, which downloads no contexts",
                remedy="put the context into the document: an object of terms and IRIs under @context",
                facts={"context": address[:2000], "known": sorted(CONTEXTS)},
            )
        self.placed += 1
        if self.placed > _MOST:
            raise InvalidInput(
                f"the document names contexts by address more than {_MOST} times",
                remedy="name the context once, at the beginning",
            )
        return context_of_node["@context"]


def with_contexts_in_place(document: Any) -> tuple[Any, bool]:
    """Return ``document`` (JSON-LD 1.1, read as JSON) with each context address replaced, and whether it had any.

    Covers scoped contexts and ``@import`` (JSON-LD 1.1 §4.1.8, §4.1.10). Raises ``InvalidInput`` for an address that
    is not in ``CONTEXTS``.
    """
    placer = _Placer()
    return placer.document(document), placer.placed > 0
