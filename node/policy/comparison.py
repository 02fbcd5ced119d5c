"""Comparison of two policies by their terms.

A node compares the terms of one offer several times in each negotiation about it, so the terms are cached.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import canonical_text, compile_encoder
from node.policy.odrl import normal
from node.vocab.namespaces import ODRL

_OF_ONE: Final = frozenset(["@id", "uid", "timestamp"])
_encode: Final = compile_encoder(json.JSONEncoder(sort_keys=True))
_MEMORABLE: Final = 16 * 1024
"""Characters of the longest document whose terms are cached."""


def same_terms(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Return whether two policies have the same terms; False if one of them cannot be read."""
    try:
        return _known_terms(left) == _known_terms(right)
    except InvalidInput:
        return False


def _known_terms(document: Mapping[str, Any]) -> str:
    """Return the canonical text of ``normal``, from the cache if the document differs from an earlier one only in
    members that do not count."""
    counting = {
        name: "" if name in _OF_ONE and isinstance(member, str) else member for name, member in document.items()
    }
    try:
        # Only a key of the cache: ``canonical`` refuses fractions, and is slower.
        text = _encode(counting)
    except (TypeError, ValueError):
        text = ""
    if not text or len(text) > _MEMORABLE:
        return canonical_text(normal(document))
    return _terms_of(text)


@lru_cache(maxsize=256)
def _terms_of(text: str) -> str:
    return canonical_text(normal(json.loads(text)))


def asks_for(request: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Return whether a consumer's request ``request`` has the terms of the offer ``own``.

    If the request has no profile, the offer's profile is assumed: it names the vocabulary of the rules, not the rules
    themselves, and some connectors read it but do not write it (docs/reference/interoperability.md).
    """
    if "profile" in own and not any(name in request for name in ("profile", "odrl:profile", f"{ODRL}profile")):
        request = {**request, "profile": own["profile"]}
    return same_terms(request, own)
