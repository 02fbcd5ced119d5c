"""The caller's own second factor, and removal of a lost one from another account."""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.clock import stamp
from node.identity.accounts.accounts import Accounts
from node.identity.accounts.secondfactor import SecondFactor
from node.identity.accounts.sign_in import SignIn
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person


class ByPassword(BaseModel):
    """One's own password."""

    model_config = ConfigDict(extra="forbid")

    password: str = Field(max_length=256)


class ByCode(BaseModel):
    """A code of the authenticator app."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(max_length=64)


class ByBoth(BaseModel):
    """One's own password and a code of the app, or a recovery code."""

    model_config = ConfigDict(extra="forbid")

    password: str = Field(max_length=256)
    code: str = Field(max_length=64)


def router(
    *, person: Person, accounts: Accounts, sign_in: SignIn, second_factor: SecondFactor, required: bool
) -> APIRouter:
    """Return the routes. ``required``: this node asks everybody but auditors for a second factor."""
    api = PlacedApiRouter(prefix="/api", tags=["people"], route_class=knowing(person))

    @api.get("/second-factor", summary="Whether you have a second factor, and how many recovery codes are left")
    async def state(request: Request) -> Any:
        login = str((await person(request)).account)
        account = await run_sync(accounts.find, login)
        return {
            "login": login,
            "since": stamp(account.second_factor) if account.second_factor else None,
            "recoveryCodes": await run_sync(second_factor.codes_left, login),
            "required": required,
        }

    @api.post("/second-factor", status_code=201, summary="Set up a second factor; it is active once it is confirmed")
    async def begin(request: Request, by: ByPassword) -> Any:
        login = str((await person(request)).account)
        await sign_in.confirm(login, by.password)
        enrolment = await run_sync(second_factor.begin, login)
        return {"secret": enrolment.secret, "uri": enrolment.uri}

    @api.post(
        "/second-factor/confirm", summary="Confirm a second factor with a code; returns the recovery codes once"
    )
    async def confirm(request: Request, by: ByCode) -> Any:
        login = str((await person(request)).account)
        return {"recoveryCodes": await second_factor.confirm(login, by.code)}

    @api.post("/second-factor/remove", status_code=204, summary="Remove your second factor")
    async def remove(request: Request, by: ByBoth) -> None:
        login = str((await person(request)).account)
        await sign_in.confirm_both(login, by.password, by.code)
        await run_sync(lambda: second_factor.remove_own(login))

    @api.delete(
        "/accounts/{login}/second-factor", status_code=204, summary="Remove the second factor of somebody who lost it"
    )
    async def reset(request: Request, login: str) -> None:
        caller = await person(request)
        await run_sync(lambda: second_factor.remove(login, by=caller))

    return api
