"""Sign-in with an identity provider of the organisation (OpenID Connect Core 1.0, code flow with PKCE).

An account belongs to an issuer and a subject, never to a name or an e-mail address, which a provider may give to
another person. Its roles are those that the groups give, at each sign-in anew.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from anyio.to_thread import run_sync

from node.base.clock import Clock, moment, stamp
from node.base.errors import HansaError, InvalidInput, NotAllowed, NotFound, Unauthenticated
from node.base.ids import new_urn
from node.base.jsons import canonical, read_object
from node.base.work import Transaction, UnitOfWork
from node.identity.accounts.accounts import LOGIN
from node.identity.accounts.events import AccountEvents
from node.identity.accounts.hashes import NO_PASSWORD, token_hash
from node.identity.accounts.providers import Attempt, EndOfSession, IdentityProvider, Proof, Providers
from node.identity.model import ALL_ROLES, Account, Browser, ProviderSession, UserRole
from node.identity.ports import IdentityStore, KeyRing
from node.ledger.ports import Append

ATTEMPT_TIME: Final = timedelta(minutes=10)
"""The time in which a sign-in at the provider has to come back."""

_LOGINS: Final = 50
"""So many logins are tried for a new account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSignIn:
    """A completed sign-in: the session, the page to go to, and the roles for which the level was too low."""

    session: str
    target: str
    withheld: frozenset[UserRole]


class SignInByProvider:
    """Signs people in and out together with their identity provider.

    The secrets of an attempt (state, nonce, verifier) are in a cookie, encrypted for this node: an answer of the
    provider counts only in the browser that asked for it, once, and for ten minutes.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        keyring: KeyRing,
        clock: Clock,
        client: Providers,
        providers: Sequence[IdentityProvider],
        *,
        base: str,
        append: Append | None,
        lifetime: timedelta = timedelta(hours=12),
    ) -> None:
        self.providers = tuple(providers)
        self._uow = uow
        self._store = store
        self._keyring = keyring
        self._clock = clock
        self._client = client
        self._base = base
        self._lifetime = lifetime
        self._record = AccountEvents(append)

    async def begin(self, provider_id: str, target: str) -> tuple[str, str]:
        """Return the provider's address for a sign-in, and the secret that the browser keeps meanwhile.

        Raises ``NotFound``, ``PeerUnreachable``.
        """
        provider = self._provider(provider_id)
        attempt = Attempt(
            provider=provider.id,
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            target=target,
            at=self._clock.now(),
        )
        address = await self._client.sign_in_address(provider, attempt, self._back(provider))
        return address, self._seal(attempt)

    async def complete(
        self, provider_id: str, *, state: str, code: str, issuer: str, pending: str, browser: Browser
    ) -> ProviderSignIn:
        """Open a session for the person whom the provider proves.

        ``pending`` is the secret of the browser; ``issuer`` is empty if the provider does not name itself (RFC 9207).
        Raises ``NotFound``, ``Unauthenticated`` for an answer that was not asked for here, was used before, or is
        wrong; ``NotAllowed`` for a person without a role or with a blocked account; ``PeerUnreachable``.
        """
        provider = self._provider(provider_id)
        attempt = self._attempt(pending)
        fits = attempt.provider == provider.id and hmac.compare_digest(attempt.state.encode(), state.encode())
        if not fits or not code or self._clock.now() - attempt.at > ATTEMPT_TIME:
            raise _late()
        if issuer and issuer != provider.issuer:
            raise Unauthenticated(
                "the answer comes from another identity provider",
                remedy="sign in again",
                facts={"case": "provider"},
            )
        await run_sync(self._use_up, attempt)
        proof = await self._client.proof(provider, attempt, code, self._back(provider))
        return await run_sync(self._open, provider, proof, attempt.target, browser)

    async def sign_out_address(self, session: str) -> str:
        """Return where the owner of a portal session signs out at its provider too; empty for a local session, or if
        the provider has no such address or is not reached. Call it before the session ends."""
        origin = await run_sync(self._origin, session)
        provider = next(
            (known for known in self.providers if origin is not None and known.id == origin.provider), None
        )
        if provider is None or origin is None:
            return ""
        try:
            return await self._client.sign_out_address(provider, self._unseal(origin.proof), f"{self._base}/")
        except HansaError:
            return ""

    async def end_sessions(self, provider_id: str, token: str) -> int:
        """End the sessions that a provider's logout token names, and return how many there were.

        Raises ``NotFound``, ``InvalidInput`` for a token that is wrong or was used before, ``PeerUnreachable``.
        """
        provider = self._provider(provider_id)
        end = await self._client.end_of_session(provider, token)
        return await run_sync(self._end, provider, end)

    def require(self, provider_id: str) -> None:
        """Raise ``NotFound`` if there is no such provider."""
        self._provider(provider_id)

    def _provider(self, provider_id: str) -> IdentityProvider:
        for provider in self.providers:
            if provider.id == provider_id:
                return provider
        raise NotFound("there is no such identity provider", remedy="see the page /sign-in")

    def _back(self, provider: IdentityProvider) -> str:
        return f"{self._base}/sign-in/with/{provider.id}/callback"

    # the browser's secret ---------------------------------------------------------------------------------
    def _seal(self, attempt: Attempt) -> str:
        body = {name: getattr(attempt, name) for name in ("provider", "state", "nonce", "verifier", "target")}
        return urlsafe_b64encode(self._keyring.wrap(canonical({**body, "at": stamp(attempt.at)}))).decode()

    def _attempt(self, pending: str) -> Attempt:
        try:
            body = read_object(self._keyring.unwrap(urlsafe_b64decode(pending.encode())))
            return Attempt(**{**body, "at": moment(str(body["at"]))})
        except (HansaError, ValueError, KeyError, TypeError) as error:
            raise _late() from error

    def _unseal(self, secret: str) -> str:
        return self._keyring.unwrap(urlsafe_b64decode(secret.encode())).decode()

    def _use_up(self, attempt: Attempt) -> None:
        with self._uow.begin() as tx:
            if not self._store.use_jti(tx, "sign-in", token_hash(attempt.state), attempt.at + ATTEMPT_TIME):
                raise _late()

    # accounts and sessions --------------------------------------------------------------------------------
    def _open(self, provider: IdentityProvider, proof: Proof, target: str, browser: Browser) -> ProviderSignIn:
        roles = provider.roles_of(proof.groups)
        with self._uow.begin() as tx:
            account = self._store.account_of_subject(tx, provider.issuer, proof.subject)
            if account is None and roles:
                # A person may click twice: the account is added once.
                self._store.lock_accounts(tx)
                account = self._store.account_of_subject(tx, provider.issuer, proof.subject)
            if account is not None and account.roles != roles:
                self._change_roles(tx, provider, account, roles)
            if account is None and roles:
                account = self._add(tx, provider, proof, roles)
            if account is not None and roles and not account.disabled:
                session = self._session(tx, provider, proof, account.login, browser)
                withheld = roles - provider.roles_at(roles, proof.level)
                return ProviderSignIn(session=session, target=target, withheld=withheld)
        # After the commit: what the groups took away stays taken away.
        if not roles:
            raise NotAllowed(
                f"your groups at {provider.name} give you no role on this node",
                remedy="ask an operator of this node which group you need",
                facts={"case": "no-group"},
            )
        raise NotAllowed(
            "your account on this node is blocked",
            remedy="ask an operator of this node",
            facts={"case": "blocked"},
        )

    def _session(
        self, tx: Transaction, provider: IdentityProvider, proof: Proof, login: str, browser: Browser
    ) -> str:
        token, now = secrets.token_urlsafe(32), self._clock.now()
        self._store.add_token(
            tx,
            token_sha256=token_hash(token),
            login=login,
            kind="session",
            label=provider.name,
            expires=now + self._lifetime,
            at=now,
            # Of all roles, not of those of today: what a group adds at another sign-in works here too.
            roles=provider.roles_at(ALL_ROLES, proof.level),
            browser=browser,
        )
        secret = urlsafe_b64encode(self._keyring.wrap(proof.id_token.encode())).decode()
        origin = ProviderSession(provider=provider.id, session=proof.session, proof=secret)
        self._store.bind_session(tx, token_hash(token), origin)
        self._store.note_sign_in(tx, login, now)
        return token

    def _change_roles(
        self, tx: Transaction, provider: IdentityProvider, account: Account, roles: frozenset[UserRole]
    ) -> None:
        self._store.set_roles(tx, account.login, roles)
        now, before = sorted(map(str, roles)), sorted(map(str, account.roles))
        self._record(tx, account.login, f"provider {provider.id}", "roles-changed", roles=now, before=before)

    def _add(self, tx: Transaction, provider: IdentityProvider, proof: Proof, roles: frozenset[UserRole]) -> Account:
        account = Account(
            id=new_urn(),
            login=self._free_login(tx, provider, proof),
            name=(proof.name or proof.login or proof.subject).strip()[:200],
            roles=roles,
            created=self._clock.now(),
            issuer=provider.issuer,
            subject=proof.subject,
        )
        self._store.add_account(tx, account, NO_PASSWORD)
        facts = {"roles": sorted(map(str, roles)), "issuer": provider.issuer}
        self._record(tx, account.login, f"provider {provider.id}", "account-added", **facts)
        return account

    def _free_login(self, tx: Transaction, provider: IdentityProvider, proof: Proof) -> str:
        """Return a login that no account has or had. It names the provider, so it is not taken for a local one."""
        stem = re.sub(r"[^a-z0-9._+-]", "", proof.login.partition("@")[0].lower()).strip("._+-")[:30]
        stem = stem or hashlib.sha256(proof.subject.encode("utf-8", "surrogatepass")).hexdigest()[:10]
        for number in range(1, _LOGINS):
            login = f"{stem}{f'-{number}' if number > 1 else ''}@{provider.id}"
            if LOGIN.fullmatch(login) and not self._store.knows_login(tx, login):
                return login
        return f"{secrets.token_hex(8)}@{provider.id}"

    def _origin(self, session: str) -> ProviderSession | None:
        with self._uow.read() as tx:
            return self._store.provider_session(tx, token_hash(session))

    def _end(self, provider: IdentityProvider, end: EndOfSession) -> int:
        with self._uow.begin() as tx:
            if not self._store.use_jti(tx, f"logout {provider.issuer}", end.id[:200], end.expires):
                raise InvalidInput("the logout token was used before", remedy="send a new one")
            login = ""
            if end.subject:
                account = self._store.account_of_subject(tx, provider.issuer, end.subject)
                if account is None:
                    return 0
                login = account.login
            return self._store.end_provider_sessions(tx, provider.id, login=login, session=end.session)


def _late() -> Unauthenticated:
    return Unauthenticated(
        "this answer of the identity provider was not asked for in this browser, was used before, or came too late",
        remedy="sign in again",
        facts={"case": "late"},
    )
