"""A second factor beside the password: codes of an authenticator app, and recovery codes for when it is lost.

The secret is kept encrypted under a key outside the database, recovery codes as hashes of 80 random bits. A code
works only once, even if it is sent several times at once.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any, Final

import anyio.to_thread

from node.base.clock import Clock
from node.base.errors import Conflict, InvalidInput, NotAllowed, NotFound
from node.base.work import Transaction, UnitOfWork
from node.identity.accounts import totp
from node.identity.accounts.events import AccountEvents
from node.identity.accounts.lookup import find_account
from node.identity.accounts.throttle import Throttle
from node.identity.model import Caller
from node.identity.ports import IdentityStore, KeyRing
from node.identity.roles import UseCase, require
from node.ledger.ports import Append

RECOVERY_CODES: Final = 10
_CODE: Final = re.compile(r"[0-9]{6}", re.ASCII)
_RECOVERY: Final = re.compile(r"[A-Z2-7]{16}", re.ASCII)


class SecondFactorNeeded(NotAllowed):
    """The password is correct, but the code of the second factor is missing. ``pending`` continues a sign-in that
    was begun."""

    code = "second-factor-needed"
    title = "The code of your second factor is missing"

    def __init__(self, pending: str = "") -> None:
        super().__init__(
            "this account has a second factor: give its code too",
            remedy="send the code that your authenticator app shows now, or a recovery code",
        )
        self.pending = pending


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A second factor that is being set up: its secret in base 32, and the ``otpauth`` URI for a QR code."""

    secret: str
    uri: str


class SecondFactor:
    """Sets up, checks and removes second factors. ``issuer`` is the name of this node in authenticator apps.

    Synchronous but for ``verify``: call it in a thread.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        keyring: KeyRing,
        clock: Clock,
        *,
        issuer: str,
        append: Append | None = None,
    ) -> None:
        self._uow = uow
        self._store = store
        self._keyring = keyring
        self._clock = clock
        self._issuer = issuer
        self._record = AccountEvents(append)
        self._throttle = Throttle(clock)
        self._threads = anyio.CapacityLimiter(4)

    def begin(self, login: str) -> Enrolment:
        """Return a new secret, which is in force after ``confirm``. Raises ``Conflict`` if a factor is in force."""
        secret = secrets.token_bytes(totp.SECRET_BYTES)
        with self._uow.begin() as tx:
            if find_account(self._store, tx, login).second_factor is not None:
                raise Conflict("this account has a second factor", remedy="remove it first, with password and code")
            self._store.keep_second_factor(tx, login, base64.b64encode(self._keyring.wrap(secret)).decode("ascii"))
        return self._enrolment(login, secret)

    def pending(self, login: str) -> Enrolment:
        """Return the factor that ``login`` is setting up. Raises ``NotFound`` if no set-up is in progress."""
        with self._uow.read() as tx:
            account = self._store.account(tx, login)
            secret = self._secret(tx, login)
        if secret is None or account is None or account[0].second_factor is not None:
            raise NotFound(
                "no second factor is being set up", remedy="begin to set it up on the page of your account"
            )
        return self._enrolment(login, secret)

    async def confirm(self, login: str, code: str, *, session: str = "") -> list[str]:
        """Put the factor into force, and return the recovery codes, which are shown only once. ``session`` (the hash
        of its token) then counts as opened with the factor.

        Raises ``NotAllowed`` for a wrong code, ``NotFound`` if no set-up was begun, ``TooMany``.
        """
        await anyio.to_thread.run_sync(self.pending, login, limiter=self._threads)
        codes = [base64.b32encode(secrets.token_bytes(10)).decode("ascii") for _ in range(RECOVERY_CODES)]

        def settle() -> bool:
            with self._uow.begin() as tx:
                if not self._use_code(tx, login, _plain(code)):
                    return False
                hashes = [_hash_code(login, code) for code in codes]
                self._store.confirm_second_factor(tx, login, self._clock.now(), hashes)
                if session:
                    self._store.mark_token(tx, session)
                self._record(tx, login, login, "second-factor-added")
            return True

        await self._require_success(login, settle)
        return ["-".join(code[place : place + 4] for place in range(0, 16, 4)) for code in codes]

    async def verify(self, login: str, code: str) -> None:
        """Use up a code of the app or a recovery code. Raises ``NotAllowed``, ``TooMany``."""
        plain = _plain(code)

        def use() -> bool:
            with self._uow.begin() as tx:
                if _RECOVERY.fullmatch(plain):
                    is_valid = self._store.use_recovery_code(tx, login, _hash_code(login, plain))
                    if is_valid:
                        self._record(tx, login, login, "recovery-code-used")
                    return is_valid
                return self._use_code(tx, login, plain)

        await self._require_success(login, use)

    def remove(self, login: str, *, by: Caller) -> None:
        """Remove the second factor of another account. The account's sessions end, and it can do nothing binding
        until its owner has changed the password.

        Raises ``NotAllowed``, ``NotFound``, and ``InvalidInput`` for the caller's own account.
        """
        require(by, UseCase.MANAGE_ACCOUNTS)
        if by.account == login:
            raise InvalidInput(
                "you need your password and a code to remove your own second factor",
                remedy="POST /api/second-factor/remove, or ask another operator",
            )
        with self._uow.begin() as tx:
            self._drop(tx, login)
            self._store.note_reset(tx, login, by.name, self._clock.now(), what="second-factor")
            self._store.end_sessions(tx, login)
            self._record(tx, login, by.name, "second-factor-removed", byAnother=True)

    def remove_own(self, login: str) -> None:
        """Remove the factor for its owner, who has given password and code. Raises ``NotFound``."""
        with self._uow.begin() as tx:
            self._drop(tx, login)
            self._record(tx, login, login, "second-factor-removed", byAnother=False)

    def _drop(self, tx: Transaction, login: str) -> None:
        if find_account(self._store, tx, login).second_factor is None:
            raise NotFound(f"{login} has no second factor", remedy="the account can sign in with its password alone")
        self._store.drop_second_factor(tx, login)

    def codes_left(self, login: str) -> int:
        """Return the number of unused recovery codes."""
        with self._uow.read() as tx:
            return self._store.recovery_codes(tx, login)

    async def _require_success(self, login: str, attempt: Any) -> None:
        keys = [f"code {login[:64]}"]
        self._throttle.attempt(keys)
        if not await anyio.to_thread.run_sync(attempt, limiter=self._threads):
            raise NotAllowed(
                "the code is wrong or was used before",
                remedy="wait for the next code of your app; is the clock of your phone right?",
                facts={"case": "code"},
            )
        self._throttle.record_success(keys)

    def _use_code(self, tx: Transaction, login: str, code: str) -> bool:
        secret = self._secret(tx, login)
        if secret is None or not _CODE.fullmatch(code):
            return False
        step = totp.matching_step(secret, code, self._clock.now())
        return step is not None and self._store.use_step(tx, login, step)

    def _secret(self, tx: Transaction, login: str) -> bytes | None:
        factor = self._store.second_factor(tx, login)
        return None if factor is None else self._keyring.unwrap(base64.b64decode(factor))

    def _enrolment(self, login: str, secret: bytes) -> Enrolment:
        uri = totp.address(secret, issuer=self._issuer, login=login)
        return Enrolment(secret=totp.spell(secret), uri=uri)


def _plain(code: str) -> str:
    """Return a typed code without the spaces and hyphens between its parts, in upper case."""
    if len(code) > 64:
        raise InvalidInput(
            "a code has six digits, a recovery code sixteen letters and digits",
            remedy="type the code that your app shows now, or a recovery code",
        )
    return re.sub(r"[\s-]", "", code).upper()


def _hash_code(login: str, code: str) -> str:
    return hashlib.sha256(f"{login}\0{code}".encode("utf-8", "surrogatepass")).hexdigest()
