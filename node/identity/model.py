"""Callers, credentials, DID documents, people."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from node.base.errors import NotAllowed
from node.base.plaintext import word


class UserRole(StrEnum):
    """A role of a person of this node (governance digest §4)."""

    PUBLISHER = "publisher"
    STEWARD = "steward"
    SIGNATORY = "signatory"
    OPERATOR = "operator"
    AUDITOR = "auditor"


ALL_ROLES = frozenset(UserRole)

BINDING_ROLES = ALL_ROLES - {UserRole.AUDITOR}
"""Roles that act in the city's name: they publish, agree, decide, admit, revoke, or let others do so."""


class Need(StrEnum):
    """A step that an account's owner has to take before roles that bind the city work for them."""

    OWN_PASSWORD = "own-password"  # noqa: S105 - the name of a need
    SECOND_FACTOR = "second-factor"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A verified credential: ``types`` without ``VerifiableCredential``, claims of the subject, its dates."""

    id: str
    types: tuple[str, ...]
    issuer: str
    subject: str
    claims: dict[str, Any] = field(default_factory=dict)
    valid_from: datetime
    valid_until: datetime | None
    status: dict[str, Any] | None = None
    jwt: str = ""

    def has_type(self, name: str) -> bool:
        return name in self.types


class HasIssuer(Protocol):
    """The members that every credential has, verified or not."""

    @property
    def id(self) -> str: ...
    @property
    def types(self) -> tuple[str, ...]: ...
    @property
    def issuer(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A credential that was presented but does not count, with the reason (revoked, expired, issuer not trusted …).

    ``transient``: the reason may be temporary (its issuer cannot be reached now). ``status`` is ``revoked``,
    ``suspended`` or ``expired`` if that is the reason.
    """

    types: tuple[str, ...]
    issuer: str
    why: str
    since: datetime | None = None
    id: str = ""
    transient: bool = False
    status: str = ""

    @classmethod
    def of(
        cls,
        credential: HasIssuer,
        why: str,
        *,
        since: datetime | None = None,
        transient: bool = False,
        status: str = "",
    ) -> Rejection:
        """Return the rejection of ``credential``, verified or not, with the reason ``why``."""
        return cls(
            types=credential.types,
            issuer=credential.issuer,
            why=why,
            since=since,
            id=credential.id,
            transient=transient,
            status=status,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The sender of a request. Exactly one of: anonymous, a participant (another node), a person of this node.

    ``did`` is the participant's DID; for a person it is this node's own DID, since people act for their node.
    ``roles`` work now; ``withheld`` roles work after ``needs`` are met. ``reset_by`` is the other person, if any, who
    set the person's password or removed their second factor (``reset_what``). ``second_factor`` is true if the
    session or token was opened with a second factor. ``language`` is the person's choice for pages. ``address`` is
    the network address of the request, if there is one; it does not identify the caller.
    """

    did: str | None = None
    account: str | None = None
    roles: frozenset[UserRole] = frozenset()
    credentials: tuple[Credential, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    withheld: frozenset[UserRole] = frozenset()
    needs: tuple[Need, ...] = ()
    reset_by: str = ""
    reset_what: str = ""
    second_factor: bool = False
    language: str = field(default="", compare=False)
    address: str = field(default="", compare=False)

    @property
    def is_stranger(self) -> bool:
        """Return whether the caller has no credential of an issuer that this node trusts.

        It is an unidentified caller, or a participant without an accepted credential. The owner of a domain name
        can make any number of participants.
        """
        return not self.is_person and not self.credentials

    @property
    def is_anonymous(self) -> bool:
        return self.did is None

    @property
    def is_person(self) -> bool:
        return self.account is not None

    @property
    def is_participant(self) -> bool:
        return self.did is not None and self.account is None

    @property
    def name(self) -> str:
        """Return the name for logs and the ledger: the account, the DID or ``anonymous``."""
        return self.account or self.did or "anonymous"

    def may(self, role: UserRole) -> bool:
        return role in self.roles

    def unready(self, *roles: UserRole) -> NotAllowed | None:
        """Return the reason why none of ``roles`` works although the person has one of them; None otherwise."""
        if not self.needs or any(role in self.roles for role in roles) or self.withheld.isdisjoint(roles):
            return None
        if Need.OWN_PASSWORD in self.needs:
            removed = self.reset_what == "second-factor"
            done = "removed the second factor" if removed else "set the password"
            return NotAllowed(
                f"{self.reset_by} {done} of this account: roles that can bind the "
                "organisation work again once you have chosen a password of your own",
                remedy=f"hansa user {word(self.account)} --password, or the page /account",
                facts={"case": "factor-removed" if removed else "own-password", "by": self.reset_by},
            )
        if Need.SECOND_FACTOR in self.needs:
            return NotAllowed(
                "this node asks for a second factor: set one up, for roles that can bind the organisation to work",
                remedy=f"hansa user {word(self.account)} --second-factor, or the page /account",
                facts={"case": "second-factor"},
            )
        return NotAllowed(
            "this was opened without the code of your second factor: roles that can bind the organisation need it",
            remedy="sign in again, or make a new token with a code: hansa token new LABEL",
            facts={"case": "without-code"},
        )


ANONYMOUS = Caller()


@dataclass(frozen=True, slots=True, kw_only=True)
class DidDocument:
    """A DID document; ``raw`` is the complete document."""

    id: str
    raw: dict[str, Any]

    def service(self, kind: str) -> str | None:
        """Return the endpoint of the first service of this type, without a trailing slash."""
        for service in self.raw.get("service") or []:
            types = service.get("type")
            if kind == types or (isinstance(types, list) and kind in types):
                endpoint = service.get("serviceEndpoint")
                if isinstance(endpoint, str):
                    return endpoint.rstrip("/")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person of this node, who signs in with a password or with an identity provider of the organisation.

    ``reset_by`` is the other person who last set the password, made a one-time link for it, or removed the second
    factor (``reset_what``), at ``reset_at``; ``chosen_at`` is the moment when the owner chose a new password after
    that. ``second_factor`` is the moment from which the second factor is in force. ``language`` is the language that
    the owner prefers for pages. ``issuer`` and ``subject`` identify a person of an identity provider.
    """

    id: str
    login: str
    name: str
    roles: frozenset[UserRole]
    created: datetime
    disabled: bool = False
    reset_by: str | None = None
    reset_at: datetime | None = None
    chosen_at: datetime | None = None
    reset_what: str | None = None
    second_factor: datetime | None = None
    disabled_why: str | None = None
    last_sign_in: datetime | None = None
    language: str | None = None
    issuer: str | None = None
    subject: str | None = None

    @property
    def is_external(self) -> bool:
        """Return whether the person signs in with an identity provider, and has no password here."""
        return self.issuer is not None

    @property
    def is_invited(self) -> bool:
        """Return whether the account has no password yet: its one-time link was not used."""
        return self.must_choose and self.reset_what == "link"

    @property
    def must_choose(self) -> bool:
        """Return whether another person knows the present password."""
        return self.reset_by is not None and self.chosen_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A stored API token: its hash is also its name. ``roles`` are those of its owner that it has; None: all."""

    sha256: str
    login: str
    label: str
    expires: datetime
    created: datetime | None = None
    used: datetime | None = None
    roles: frozenset[UserRole] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """A portal session of an account: since when and until when, the network address and the browser of its sign-in,
    and about when it was last used."""

    sha256: str
    login: str
    expires: datetime
    created: datetime | None = None
    used: datetime | None = None
    address: str = ""
    agent: str = ""
    second_factor: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSession:
    """The session at an identity provider (its id there, and the name of its session, ``sid``) with which a portal
    session was opened, and the provider's encrypted ID token."""

    provider: str
    session: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """The browser of a sign-in: its network address and the name that it gives itself."""

    address: str = ""
    agent: str = ""


class ApplicationState(StrEnum):
    """The state of a request for a credential at its issuer (DCP 1.0 §6.8: RECEIVED, ISSUED, REJECTED)."""

    RECEIVED = "RECEIVED"
    ISSUED = "ISSUED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A participant's request to the region for a credential; a person decides about it.

    ``accession`` is the statement that the applicant signed: the rulebook's IRI, version and hash, its legal name and
    contact; empty for a holder that does not support accessions. ``credential_type`` has several names, separated by
    spaces, if one request is for several credentials.
    """

    id: str
    holder: str
    holder_pid: str
    credential_type: str
    accession: dict[str, Any]
    state: ApplicationState
    at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """Return the requested credential types."""
        return tuple(self.credential_type.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCredential:
    """A credential that this node issued, with its place in the status lists, its revocation, and its suspension
    while it lasts."""

    id: str
    holder: str
    type: str
    jwt: str
    list_id: int
    index: int
    at: datetime
    valid_until: datetime
    revoked_at: datetime | None = None
    revoked_why: str | None = None
    suspended_at: datetime | None = None
    suspended_why: str | None = None
