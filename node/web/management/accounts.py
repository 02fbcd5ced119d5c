"""Accounts of people at this node: roles, blocks, one-time links, sessions and API tokens."""

from __future__ import annotations

from typing import Any, Final

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.clock import stamp
from node.base.errors import InvalidInput
from node.identity.accounts.accounts import Accounts
from node.identity.accounts.hashes import token_hash
from node.identity.accounts.invitations import Invitation, Invitations
from node.identity.accounts.oversight import AccountEvent, AccountOversight
from node.identity.accounts.sign_in import SignIn
from node.identity.model import Account, ApiToken, OpenSession, UserRole
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person

DAYS: Final = 90
"""The term of a token if the request sets none."""


class NewAccount(BaseModel):
    """A new account."""

    model_config = ConfigDict(extra="forbid")

    login: str = Field(max_length=64)
    name: str = Field("", max_length=200)
    roles: list[UserRole] = Field(min_length=1)
    password: str | None = Field(
        None,
        min_length=12,
        max_length=256,
        description="Without one, the answer has a one-time link with which the person chooses it.",
    )


class NewPassword(BaseModel):
    """The new password of an account; ``old`` is needed for one's own account."""

    model_config = ConfigDict(extra="forbid")

    password: str = Field(min_length=12, max_length=256)
    old: str | None = Field(None, max_length=256)
    keep_tokens: bool = Field(
        False, alias="keepTokens", description="Keep the account's API tokens; by default they end."
    )


class AccountChange(BaseModel):
    """Changes of an account: what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    disabled: bool | None = Field(None, description="true blocks the account, false unblocks it.")
    reason: str = Field("", max_length=500, description="Why it is blocked.")
    roles: list[UserRole] | None = Field(None, description="All roles that the account has from now on.")


class NewToken(BaseModel):
    """An API token for oneself; ``password`` is one's own, so that a token cannot be made with a token alone."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field(max_length=200)
    password: str = Field(max_length=256)
    code: str = Field("", max_length=64, description="A code of the second factor, where the account has one.")
    roles: list[UserRole] | None = Field(None, description="Which of your roles the token has; by default all.")
    days: int | None = Field(
        None,
        ge=1,
        le=3660,
        description="Days until it expires; at most the setting token_days, by default 90 or that setting if lower.",
    )


def router(
    *,
    person: Person,
    accounts: Accounts,
    oversight: AccountOversight,
    invitations: Invitations,
    sign_in: SignIn,
) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix="/api", tags=["people"], route_class=knowing(person))
    _add_accounts(api, person, accounts, oversight, invitations)
    _add_own(api, person, accounts, sign_in)
    return api


def _add_accounts(
    api: PlacedApiRouter, person: Person, accounts: Accounts, oversight: AccountOversight, invitations: Invitations
) -> None:
    @api.get("/accounts", summary="Accounts of this node")
    async def all_accounts(request: Request) -> Any:
        return [account_json(one) for one in await run_sync(accounts.all, await person(request))]

    @api.post("/accounts", status_code=201, summary="Add an account; without a password, with a one-time link for it")
    async def add_account(request: Request, new: NewAccount) -> Any:
        caller, password = await person(request), new.password
        if password is None:
            invitation = await run_sync(lambda: invitations.invite(new.login, new.name, new.roles, by=caller))
            return {**account_json(invitation.account), "link": link_json(invitation)}
        return account_json(await run_sync(lambda: accounts.add(new.login, new.name, new.roles, password, by=caller)))

    @api.get("/accounts/{login}", summary="One account, its open sessions and its history")
    async def one_account(request: Request, login: str) -> Any:
        caller = await person(request)

        def read() -> Any:
            return {
                **account_json(oversight.account(login, caller)),
                "sessions": [session_json(session) for session in oversight.sessions(caller, login)],
                "history": [event_json(event) for event in oversight.history(login, caller)],
            }

        return await run_sync(read)

    @api.patch("/accounts/{login}", summary="Change the roles of an account, block it, or unblock it")
    async def change_account(request: Request, login: str, body: AccountChange) -> Any:
        caller = await person(request)

        def change() -> Account:
            account = oversight.account(login, caller)
            if body.roles is not None:
                account = oversight.set_roles(login, body.roles, by=caller)
            if body.disabled is not None:
                account = oversight.set_disabled(login, body.disabled, by=caller, reason=body.reason)
            return account

        return account_json(await run_sync(change))

    @api.delete("/accounts/{login}", status_code=204, summary="Delete an account; nobody can have its login again")
    async def remove_account(request: Request, login: str) -> None:
        caller = await person(request)
        await run_sync(lambda: oversight.remove(login, by=caller))

    @api.post(
        "/accounts/{login}/link", status_code=201, summary="Make a one-time link with which the owner sets a password"
    )
    async def make_link(request: Request, login: str) -> Any:
        caller = await person(request)
        return link_json(await run_sync(lambda: invitations.make_link(login, by=caller)))

    @api.delete("/accounts/{login}/sessions", summary="End all portal sessions of an account")
    async def end_sessions(request: Request, login: str) -> Any:
        caller = await person(request)
        return {"ended": await run_sync(lambda: oversight.end_sessions(login, by=caller))}


def _add_own(api: PlacedApiRouter, person: Person, accounts: Accounts, sign_in: SignIn) -> None:
    @api.get("/sessions", summary="Your open portal sessions")
    async def own_sessions(request: Request) -> Any:
        login = str((await person(request)).account)
        return [session_json(session) for session in await run_sync(accounts.sessions, login)]

    @api.delete("/sessions/{sha256}", status_code=204, summary="End one of your portal sessions")
    async def end_session(request: Request, sha256: str) -> None:
        login = str((await person(request)).account)
        await run_sync(accounts.end_session, login, sha256)

    @api.put(
        "/accounts/{login}/password",
        status_code=204,
        summary="Change your password, or as operator that of another account",
    )
    async def change_password(request: Request, login: str, new: NewPassword) -> None:
        caller = await person(request)
        if caller.account == login:
            if new.old is None:
                raise InvalidInput(
                    "the current password is missing: you need it to change your own password",
                    remedy="send the current password as old",
                    facts={"missing": "old"},
                )
            await sign_in.confirm(login, new.old)
        await run_sync(lambda: accounts.set_password(login, new.password, by=caller, keep_tokens=new.keep_tokens))

    @api.post("/tokens", status_code=201, summary="Create an API token for yourself; it is shown once")
    async def add_token(request: Request, new: NewToken) -> Any:
        login = str((await person(request)).account)
        days = new.days or min(DAYS, accounts.token_days)
        marked = await sign_in.confirm_both(login, new.password, new.code)
        token = await run_sync(
            lambda: accounts.make_token(login, new.label, days, roles=new.roles, second_factor=marked)
        )
        return {"token": token, "sha256": token_hash(token), "days": days}

    @api.get("/tokens", summary="Your API tokens; as operator, with ?all=true, those of all accounts")
    async def all_tokens(request: Request, all: bool = False) -> Any:  # noqa: A002 - the query's name
        caller = await person(request)
        read = (lambda: accounts.all_tokens(caller)) if all else (lambda: accounts.tokens(str(caller.account)))
        return [token_json(token) for token in await run_sync(read)]

    @api.delete("/tokens/{sha256}", summary="Revoke one of your API tokens; as operator, that of any account")
    async def revoke_token(request: Request, sha256: str) -> Any:
        caller = await person(request)
        return token_json(await run_sync(lambda: accounts.revoke_token(sha256, by=caller)))


def account_json(account: Account) -> dict[str, Any]:
    return {
        "login": account.login,
        "name": account.name,
        "roles": sorted(str(role) for role in account.roles),
        "created": stamp(account.created),
        "disabled": account.disabled,
        "disabledWhy": account.disabled_why,
        "invited": account.is_invited,
        "issuer": account.issuer,
        "subject": account.subject,
        "lastSignIn": stamp(account.last_sign_in) if account.last_sign_in else None,
        "resetBy": account.reset_by if account.must_choose else None,
        "resetWhat": account.reset_what if account.must_choose else None,
        "resetAt": stamp(account.reset_at) if account.reset_at and account.must_choose else None,
        "secondFactor": stamp(account.second_factor) if account.second_factor else None,
    }


def token_json(token: ApiToken) -> dict[str, Any]:
    return {
        "sha256": token.sha256,
        "login": token.login,
        "label": token.label,
        "roles": None if token.roles is None else sorted(str(role) for role in token.roles),
        "created": stamp(token.created) if token.created else None,
        "used": stamp(token.used) if token.used else None,
        "expires": stamp(token.expires),
    }


def session_json(session: OpenSession) -> dict[str, Any]:
    return {
        "sha256": session.sha256,
        "login": session.login,
        "since": stamp(session.created) if session.created else None,
        "used": stamp(session.used) if session.used else None,
        "expires": stamp(session.expires),
        "address": session.address,
        "browser": session.agent,
        "secondFactor": session.second_factor,
    }


def link_json(invitation: Invitation) -> dict[str, Any]:
    return {"url": invitation.url, "expires": stamp(invitation.expires)}


def event_json(event: AccountEvent) -> dict[str, Any]:
    return {"event": event.event, "by": event.by, "at": stamp(event.at), **event.facts}
