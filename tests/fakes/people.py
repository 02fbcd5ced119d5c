"""People of a node, with all roles or with those that a test names."""

from __future__ import annotations

from node.identity.model import ALL_ROLES, Caller, UserRole


def person(login: str = "els", *roles: UserRole, did: str = "did:web:gent.example") -> Caller:
    """A person of the node ``did``; with every role where none is named."""
    return Caller(did=did, account=login, roles=frozenset(roles) if roles else ALL_ROLES)
