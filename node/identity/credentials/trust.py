"""Trusted issuers for each type of credential.

The rulebook defines them (governance digest §2: credential types and their issuers), and it may change while the
node runs, so use cases read them at every access. A type without listed issuers is accepted from no issuer: an empty
list never means "everyone".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol


class Trust(Protocol):
    """The trusted issuers for each credential type."""

    def issuers(self, credential_type: str) -> frozenset[str]:
        """Return the DIDs of the trusted issuers of this type; empty if there are none."""

    def types(self) -> tuple[str, ...]:
        """Return the credential types with trusted issuers, sorted."""


class TrustList:
    """The list in force. ``replace`` sets another list when the rulebook changes."""

    def __init__(self, issuers: Mapping[str, Iterable[str]] | None = None) -> None:
        self._issuers = _frozen(issuers or {})

    def issuers(self, credential_type: str) -> frozenset[str]:
        return self._issuers.get(credential_type, frozenset())

    def types(self) -> tuple[str, ...]:
        return tuple(sorted(self._issuers))

    def replace(self, issuers: Mapping[str, Iterable[str]]) -> None:
        """Trust these issuers from now on, and no others."""
        self._issuers = _frozen(issuers)

    def vouches(self, did: str) -> bool:
        """Return whether ``did`` is an issuer of any type."""
        return any(did in dids for dids in self._issuers.values())

    def to_json(self) -> dict[str, tuple[str, ...]]:
        """Return type → DIDs, sorted: the form for a ``Situation`` of the decision point."""
        return {name: tuple(sorted(dids)) for name, dids in self._issuers.items()}


def _frozen(issuers: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    lists = {name: frozenset(dids) for name, dids in issuers.items()}
    return {name: dids for name, dids in sorted(lists.items()) if dids}


def configured_trust(
    issuers: Mapping[str, Iterable[str]], types: Iterable[str], *, region: str | None, issuer: str | None
) -> dict[str, tuple[str, ...]]:
    """Return type → DIDs: the ``issuers`` issuers, and for all ``types`` also those that need no naming.

    These are the region, and this node (``issuer``) if it issues credentials.
    """
    authorities = [did for did in (region, issuer) if did]
    trust = {name: tuple(dids) for name, dids in issuers.items()}
    if not authorities:
        return trust
    return trust | {name: tuple(dict.fromkeys((*trust.get(name, ()), *authorities))) for name in types}
