"""The ports of identity: storage, keys, documents of other participants."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Protocol

from node.base.work import Transaction
from node.identity.model import (
    Account,
    ApiToken,
    Application,
    ApplicationState,
    Browser,
    Credential,
    DidDocument,
    IssuedCredential,
    OpenSession,
    ProviderSession,
    UserRole,
)
from node.identity.periods import KnownKey


class Unsealer(Protocol):
    """One sealing key; its private half is not shown."""

    def seal_public_key(self) -> bytes:
        """The raw X25519 public key (32 bytes)."""

    def seal_shared_secret(self, ephemeral_public: bytes) -> bytes:
        """X25519 with ``ephemeral_public``; raises ``InvalidInput`` for low-order points."""


class KeyRing(Protocol):
    """The node's own keys. Private halves never leave it.

    ``#key-N`` P-256 signs tokens, credentials, agreements, manifests (ES256); ``#log-N`` Ed25519 signs ledger
    checkpoints; ``#seal-N`` X25519 opens data sealed for this node. One key of each kind is in use.
    """

    did: str

    def known_keys(self) -> Sequence[KnownKey]:
        """Return the public half of all keys, including former ones."""

    def sealed_to(self, public: bytes) -> Unsealer | None:
        """Return the unsealer for this raw X25519 key, in use or former; None if the key is not ours."""

    def sign_jws(self, header: dict[str, Any], payload: bytes) -> str:
        """Return a compact JWS (RFC 7515) with ``alg`` ES256 and the ``kid`` of the key in use added to
        ``header``."""

    def log_public_key(self) -> bytes:
        """The raw Ed25519 public key of the ledger (32 bytes)."""

    def sign_log(self, message: bytes) -> bytes:
        """Ed25519 signature with the ledger key."""

    def seal_public_key(self) -> bytes:
        """The raw X25519 public key (32 bytes)."""

    def seal_shared_secret(self, ephemeral_public: bytes) -> bytes:
        """X25519 of our sealing key with ``ephemeral_public``; raises ``InvalidInput`` for low-order points."""

    def wrap(self, secret: bytes) -> bytes:
        """Encrypt a short secret for storage at rest, under a key outside the database."""

    def unwrap(self, envelope: bytes) -> bytes:
        """Undo ``wrap``. Raises ``LocalFault`` if ``envelope`` was not made by this node."""

    def derive(self, purpose: bytes) -> bytes:
        """Return a secret of 32 bytes for ``purpose``: the same one as long as the node lives, another one for every
        other purpose and node. It is made from the key of ``wrap`` (HKDF, RFC 5869)."""


class Peers(Protocol):
    """Documents of other participants, fetched through the node's guarded egress and cached briefly."""

    async def did_document(self, did: str, *, fresh: bool = False) -> DidDocument:
        """Resolve a ``did:web``. Raises ``PeerUnreachable``, ``ForbiddenAddress`` or ``InvalidInput``."""

    async def presentations(self, holder: DidDocument, access_token: str, scopes: Sequence[str]) -> list[Any]:
        """Query the holder's credential service (DCP 1.0 §5.4). Return the ``presentation`` array of its answer."""

    async def status_list(self, url: str, *, max_age: float) -> str | dict[str, Any]:
        """Return a status list credential, as JWT or JSON, at most ``max_age`` seconds old."""

    async def json_document(self, url: str) -> Any:
        """Return a small JSON document that a credential refers to (its schema). Raises ``PeerUnreachable``."""

    async def issuer_metadata(self, issuer: DidDocument) -> dict[str, Any]:
        """Return the metadata of an issuer service (DCP 1.0 §6.7). Raises ``PeerUnreachable``."""

    async def request_credentials(self, issuer: DidDocument, message: dict[str, Any]) -> str:
        """POST a CredentialRequestMessage (DCP 1.0 §6.4). Return the issuer's id of the request.

        Raises ``PeerUnreachable``, or ``Conflict`` with the issuer's reason if it refuses the request.
        """

    async def deliver_credentials(self, holder: DidDocument, message: dict[str, Any]) -> None:
        """POST a CredentialMessage to the holder's credential service (DCP 1.0 §6.5).

        Raises ``PeerUnreachable``, or ``Conflict`` if the holder refuses the message for good.
        """


class Notes(Protocol):
    """Texts under keys, in the database: for example, the last presentations are kept there across restarts."""

    def get(self, tx: Transaction, key: str) -> str | None: ...

    def put(self, tx: Transaction, key: str, value: str) -> None: ...


class IdentityStore(Protocol):
    """Accounts, API tokens, sessions, wallet, issued credentials, applications, used token ids."""

    # used token ids -------------------------------------------------------------------------------------
    def use_jti(self, tx: Transaction, issuer: str, jti: str, expires: datetime) -> bool:
        """Remember (issuer, jti) until ``expires``. Return False if it was used already."""

    def forget_jtis(self, tx: Transaction, before: datetime) -> int: ...

    # people ---------------------------------------------------------------------------------------------
    def add_account(self, tx: Transaction, account: Account, password_hash: str) -> None: ...

    def account(self, tx: Transaction, login: str) -> tuple[Account, str] | None:
        """Return the account and its password hash."""

    def account_of_subject(self, tx: Transaction, issuer: str, subject: str) -> Account | None:
        """Return the account of a person of an identity provider."""

    def knows_login(self, tx: Transaction, login: str) -> bool:
        """Return whether an account has this login, or had it before it was deleted."""

    def accounts(self, tx: Transaction) -> Sequence[Account]: ...

    def lock_accounts(self, tx: Transaction) -> None:
        """Let no other transaction change accounts until the end of this one. Reads after it see what others had
        changed before."""

    def set_password(self, tx: Transaction, login: str, password_hash: str) -> None:
        """Set a new password, and end the sessions that were opened with the old one."""

    def note_reset(
        self, tx: Transaction, login: str, by: str | None, at: datetime, *, what: str = "password"
    ) -> None:
        """Note that another person, ``by``, set the password or removed the second factor; None: the owner chose a
        password."""

    def end_sessions(self, tx: Transaction, login: str) -> None:
        """End the portal sessions of ``login``, and incomplete sign-ins."""

    def keep_second_factor(self, tx: Transaction, login: str, secret: str) -> None:
        """Store the encrypted secret of a factor that is being set up, and replace an earlier one."""

    def second_factor(self, tx: Transaction, login: str) -> str | None:
        """Return the encrypted secret, also of a factor that is being set up."""

    def confirm_second_factor(self, tx: Transaction, login: str, at: datetime, codes: Sequence[str]) -> None:
        """Put the factor into force as of ``at``, with these hashes of recovery codes."""

    def drop_second_factor(self, tx: Transaction, login: str) -> None: ...

    def use_step(self, tx: Transaction, login: str, step: int) -> bool:
        """Note the use of a code of this time step. Return False if a code of this or a later step was used
        before."""

    def use_recovery_code(self, tx: Transaction, login: str, code: str) -> bool:
        """Use up the recovery code with this hash. Return False if there is none."""

    def recovery_codes(self, tx: Transaction, login: str) -> int:
        """Return the number of unused recovery codes."""

    def mark_token(self, tx: Transaction, token_sha256: str) -> None:
        """Mark the token or session as opened with a second factor."""

    def is_marked(self, tx: Transaction, token_sha256: str) -> bool:
        """Return whether the token or session was opened with a second factor."""

    def drop_tokens(self, tx: Transaction, login: str, *, but: str | None = None) -> int:
        """End all API tokens of ``login`` except the one with the hash ``but``. Return how many were ended."""

    def add_token(
        self,
        tx: Transaction,
        *,
        token_sha256: str,
        login: str,
        kind: str,
        label: str,
        expires: datetime,
        at: datetime | None = None,
        roles: Collection[UserRole] | None = None,
        browser: Browser | None = None,
    ) -> None:
        """Add an API token, a portal session, an incomplete sign-in or a one-time link (``kind`` ``api``,
        ``session``, ``half``, ``link``) by its hash. ``roles`` None: all of the account."""

    def by_token(self, tx: Transaction, token_sha256: str, now: datetime) -> tuple[Account, str] | None:
        """Return the enabled account of a valid token, with the roles that the token has, and the token's kind."""

    def label_of(self, tx: Transaction, token_sha256: str) -> str:
        """Return the label of a token, empty for an unknown one."""

    def note_use(self, tx: Transaction, token_sha256: str, at: datetime) -> None:
        """Note the last use of a token or session."""

    def sessions(self, tx: Transaction, login: str | None = None) -> Sequence[OpenSession]:
        """Return the portal sessions of one account, or of all, the newest first."""

    def drop_token(self, tx: Transaction, token_sha256: str) -> bool:
        """End a token or session. Return False if it had ended already."""

    def bind_session(self, tx: Transaction, token_sha256: str, origin: ProviderSession) -> None:
        """Note with which session of an identity provider a portal session was opened."""

    def provider_session(self, tx: Transaction, token_sha256: str) -> ProviderSession | None:
        """Return the provider's session behind a portal session; None for one that was opened here."""

    def end_provider_sessions(self, tx: Transaction, provider: str, *, login: str = "", session: str = "") -> int:
        """End the portal sessions of an identity provider: those of a login, of a session there, or of both. Return
        how many ended."""

    def drop_links(self, tx: Transaction, login: str, *, but: str) -> None:
        """End the one-time links of ``login`` except the one with the hash ``but``."""

    def forget_tokens(self, tx: Transaction, before: datetime) -> int:
        """Delete the tokens and sessions that had expired at ``before``, and return how many there were."""

    def tokens(self, tx: Transaction, login: str | None = None) -> Sequence[ApiToken]:
        """Return API tokens (no sessions) of one account, or of all, the first to expire first."""

    def set_disabled(self, tx: Transaction, login: str, disabled: bool, why: str | None = None) -> None:
        """Disable or enable an account. Disabling it ends its sessions and tokens. Raises ``NotFound``."""

    def set_roles(self, tx: Transaction, login: str, roles: Collection[UserRole]) -> None:
        """Give the account exactly these roles. Raises ``NotFound``."""

    def set_language(self, tx: Transaction, login: str, language: str) -> None: ...

    def note_sign_in(self, tx: Transaction, login: str, at: datetime) -> None: ...

    def remove_account(self, tx: Transaction, login: str, at: datetime) -> None:
        """Delete the account with its name, password, second factor, sessions and tokens. Its login stays used.
        Raises ``NotFound``."""

    # wallet: credentials that we hold ---------------------------------------------------------------------
    def keep_credential(self, tx: Transaction, credential: Credential, at: datetime) -> None: ...

    def credentials(self, tx: Transaction) -> Sequence[Credential]: ...

    def drop_credentials(self, tx: Transaction, issuer: str) -> int:
        """Delete the credentials of ``issuer`` from the wallet, and return how many there were."""

    def note_request(
        self, tx: Transaction, *, holder_pid: str, issuer: str, credential_type: str, at: datetime
    ) -> None:
        """Store our request to an issuer for a credential."""

    def requests(self, tx: Transaction, *, lock: bool = False) -> Sequence[dict[str, Any]]:
        """Return our requests: ``holder_pid, issuer, issuer_pid, credential_type, at, state, reason``.

        With ``lock``, no other transaction changes them until the end of this one; what others had changed before is
        seen.
        """

    def update_request(
        self,
        tx: Transaction,
        holder_pid: str,
        *,
        state: str,
        issuer_pid: str | None = None,
        reason: str | None = None,
    ) -> None: ...

    # issuer -----------------------------------------------------------------------------------------------
    def add_application(self, tx: Transaction, application: Application) -> None: ...

    def application(self, tx: Transaction, application_id: str) -> Application | None: ...

    def application_by_holder(self, tx: Transaction, holder: str, holder_pid: str) -> Application | None: ...

    def applications(
        self, tx: Transaction, state: ApplicationState | None = None, *, oldest: int | None = None
    ) -> Sequence[Application]:
        """Return them, newest first; with ``oldest``, only so many of the oldest, and these first."""

    def count_applications(self, tx: Transaction, state: ApplicationState) -> int: ...

    def save_application(self, tx: Transaction, application: Application) -> None:
        """Store the decision. Raises ``Conflict`` if another process was quicker: there is only one decision."""

    def next_status_index(self, tx: Transaction) -> tuple[int, int]:
        """Reserve a place in a status list. Return (list id, index); the index does not reveal the order of issue."""

    def add_issued(self, tx: Transaction, credential: IssuedCredential) -> None: ...

    def issued_credentials(self, tx: Transaction, holder: str | None = None) -> Sequence[IssuedCredential]: ...

    def revoke(self, tx: Transaction, credential_id: str, at: datetime, why: str) -> IssuedCredential | None: ...

    def suspend(
        self, tx: Transaction, credential_id: str, at: datetime | None, why: str | None
    ) -> IssuedCredential | None:
        """Suspend a credential that is in force, or reinstate it: ``None`` for both. Return it as it is then."""
