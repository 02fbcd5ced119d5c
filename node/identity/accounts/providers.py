"""Identity providers of the organisation: their settings, what they prove about a person, and the port to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from node.identity.model import UserRole


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProvider:
    """An OpenID provider with which people may sign in.

    ``roles``: what each group of the provider gives here. ``levels``: for a role, the levels of assurance (``acr``)
    of which a sign-in must have one for the role to work in its session.
    """

    id: str
    name: str
    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid", "profile")
    groups_claim: str = "groups"
    roles: Mapping[str, frozenset[UserRole]] = field(default_factory=dict)
    levels: Mapping[UserRole, frozenset[str]] = field(default_factory=dict)

    def roles_of(self, groups: Collection[str]) -> frozenset[UserRole]:
        """Return the roles that these groups give."""
        return frozenset(role for group in groups for role in self.roles.get(group, frozenset()))

    def roles_at(self, roles: Collection[UserRole], level: str) -> frozenset[UserRole]:
        """Return those of ``roles`` that work after a sign-in of this level."""
        return frozenset(role for role in roles if role not in self.levels or level in self.levels[role])


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A person as a provider proved it, with the signed ID token. ``session`` is the provider's name for its session
    (``sid``), ``level`` the level of assurance (``acr``)."""

    subject: str
    login: str = ""
    name: str = ""
    groups: tuple[str, ...] = ()
    level: str = ""
    session: str = ""
    id_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOfSession:
    """A provider's message that a person signed out there: of one session, or of all of a subject."""

    id: str
    expires: datetime
    subject: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The secrets of one sign-in, which only the browser that began it has."""

    provider: str
    state: str
    nonce: str
    verifier: str
    target: str
    at: datetime


class Providers(Protocol):
    """The way to identity providers. Every message of a provider is verified before it is returned."""

    async def sign_in_address(self, provider: IdentityProvider, attempt: Attempt, back: str) -> str:
        """Return the address at which a person signs in; the provider leads the browser to ``back`` afterwards.

        Raises ``PeerUnreachable``.
        """

    async def proof(self, provider: IdentityProvider, attempt: Attempt, code: str, back: str) -> Proof:
        """Exchange a code for the person's proof. Raises ``PeerUnreachable``, ``Unauthenticated`` if it is wrong."""

    async def end_of_session(self, provider: IdentityProvider, token: str) -> EndOfSession:
        """Read a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6). Raises ``PeerUnreachable``,
        ``InvalidInput``."""

    async def sign_out_address(self, provider: IdentityProvider, id_token: str, back: str) -> str:
        """Return the address at which the person signs out at the provider too, empty if it has none. Raises
        ``PeerUnreachable``."""
