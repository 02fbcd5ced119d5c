"""What the pages about one's own account do: signing in and out, the password, API tokens."""

from __future__ import annotations

from collections.abc import Sequence

from anyio.to_thread import run_sync

from node.base.errors import NotAllowed, Unauthenticated
from node.identity.accounts.accounts import Accounts, SignIn, token_hash
from node.identity.accounts.secondfactor import Enrolment, SecondFactor
from node.identity.model import BINDING_ROLES, Caller, UserRole
from node.portal.ports import Person


class AccountPages:
    """The part of ``node.portal.ports.Node`` that is about the reader's own account."""

    def __init__(self, accounts: Accounts, sign_in: SignIn, factor: SecondFactor, *, required: bool) -> None:
        self._accounts = accounts
        self._sign_in = sign_in
        self._factor = factor
        self._required = required

    async def sign_in(self, login: str, password: str, *, origin: str = "") -> str:
        return (await self._sign_in.sign_in(login, password, origin=origin))[1]

    async def complete_sign_in(self, pending: str, code: str) -> str:
        return await self._sign_in.complete(pending, code)

    async def sign_out(self, token: str) -> None:
        await self._sign_in.sign_out(token)

    async def person(self, caller: Caller) -> Person:
        require(caller)
        login = str(caller.account)
        found = await run_sync(self._accounts.find, login)
        return Person(
            account=found,
            tokens=await run_sync(self._accounts.tokens, login),
            token_days=self._accounts.token_days,
            recovery_codes=await run_sync(self._factor.codes_left, login),
            factor_required=self._required and not found.roles.isdisjoint(BINDING_ROLES),
        )

    async def change_password(self, caller: Caller, old: str, new: str, *, keep_tokens: bool) -> str:
        require(caller)
        login = str(caller.account)
        await self._sign_in.confirm(login, old)
        await run_sync(lambda: self._accounts.set_password(login, new, by=login, keep_tokens=keep_tokens))
        return await self._sign_in.open(login, second_factor=caller.second_factor)

    async def make_token(self, caller: Caller, label: str, days: int, password: str, code: str) -> str:
        require(caller)
        login = str(caller.account)
        marked = await self._sign_in.confirm_both(login, password, code)
        return await run_sync(lambda: self._accounts.make_token(login, label, days, second_factor=marked))

    async def end_token(self, caller: Caller, sha256: str) -> None:
        require(caller)
        login = str(caller.account)
        await run_sync(lambda: self._accounts.revoke_token(sha256, login=login, by=login))

    async def begin_factor(self, caller: Caller, password: str) -> Enrolment:
        require(caller)
        login = str(caller.account)
        await self._sign_in.confirm(login, password)
        return await run_sync(self._factor.begin, login)

    async def pending_factor(self, caller: Caller) -> Enrolment:
        require(caller)
        return await run_sync(self._factor.pending, str(caller.account))

    async def confirm_factor(self, caller: Caller, code: str, session: str) -> Sequence[str]:
        require(caller)
        return await self._factor.confirm(str(caller.account), code, session=token_hash(session))

    async def remove_factor(self, caller: Caller, password: str, code: str) -> None:
        require(caller)
        login = str(caller.account)
        await self._sign_in.confirm_both(login, password, code)
        await run_sync(lambda: self._factor.remove(login))


def require(caller: Caller, *roles: UserRole) -> None:
    """Raises ``Unauthenticated``, or ``NotAllowed`` where none of ``roles`` works for the person."""
    if not caller.is_person:
        raise Unauthenticated("sign in first")
    if roles and not any(caller.may(role) for role in roles):
        unready = caller.unready(*roles)
        if unready is not None:
            raise unready
        raise NotAllowed("you need the role " + " or ".join(str(role) for role in roles))
