"""Accounts of this node, and its place among the nodes: accounts, tokens, membership, credentials."""

from __future__ import annotations

from typing import Any, Final, Protocol

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.clock import stamp
from node.base.errors import InvalidInput, NotFound
from node.catalogue.accession import Join
from node.identity.accounts.accounts import Accounts
from node.identity.accounts.hashes import token_hash
from node.identity.accounts.sign_in import SignIn
from node.identity.credentials.revocation import RevokeCredential
from node.identity.credentials.wallet import Wallet
from node.identity.model import Account, ApiToken, Application, IssuedCredential, UserRole
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person
from node.web.management.requests import Why

DAYS: Final = 90
"""The term of a token if the request sets none."""


class Issuer(Protocol):
    """Reads the applications and the issued credentials, for the people of an issuer node."""

    def issued_credentials(self) -> list[IssuedCredential]: ...

    def applications(self) -> list[Application]: ...


class NewAccount(BaseModel):
    """A new account."""

    model_config = ConfigDict(extra="forbid")

    login: str = Field(max_length=64)
    name: str = Field("", max_length=200)
    roles: list[UserRole] = Field(min_length=1)
    password: str = Field(min_length=12, max_length=256)


class NewPassword(BaseModel):
    """The new password of an account; ``old`` is needed for one's own account."""

    model_config = ConfigDict(extra="forbid")

    password: str = Field(min_length=12, max_length=256)
    old: str | None = Field(None, max_length=256)
    keep_tokens: bool = Field(
        False, alias="keepTokens", description="Keep the account's API tokens; by default they end."
    )


class AccountAccess(BaseModel):
    """The right of an account to sign in."""

    model_config = ConfigDict(extra="forbid")

    disabled: bool


class NewToken(BaseModel):
    """An API token for oneself; ``password`` is one's own, so that a token cannot be made with a token alone."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field(max_length=200)
    password: str = Field(max_length=256)
    code: str = Field("", max_length=64, description="A code of the second factor, where the account has one.")
    days: int | None = Field(
        None,
        ge=1,
        le=3660,
        description="Days until it expires; at most the setting token_days, by default 90 or that setting if lower.",
    )


class JoinRequest(BaseModel):
    """Whom to ask for which credential."""

    model_config = ConfigDict(extra="forbid")

    region: str = Field(max_length=2048, description="Address of the region, or its DID.")
    credential_type: str = Field("MembershipCredential", alias="credentialType", max_length=128)


def router(
    *,
    person: Person,
    accounts: Accounts,
    sign_in: SignIn,
    join: Join,
    wallet: Wallet,
    revoke: RevokeCredential | None,
    issuer: Issuer | None,
) -> APIRouter:
    """Return the routes; ``revoke`` and ``issuer`` are set at an issuer."""
    api = PlacedApiRouter(prefix="/api", tags=["people"], route_class=knowing(person))

    @api.get("/accounts", summary="Accounts of this node")
    async def all_accounts(request: Request) -> Any:
        return [account_json(one) for one in await run_sync(accounts.all, await person(request))]

    @api.post("/accounts", status_code=201, summary="Add an account")
    async def add_account(request: Request, new: NewAccount) -> Any:
        caller = await person(request)
        return account_json(
            await run_sync(lambda: accounts.add(new.login, new.name, new.roles, new.password, by=caller))
        )

    @api.patch("/accounts/{login}", summary="Close an account, which ends its sessions and tokens, or open it again")
    async def set_disabled(request: Request, login: str, body: AccountAccess) -> Any:
        caller = await person(request)
        return account_json(await run_sync(lambda: accounts.set_disabled(login, body.disabled, by=caller)))

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
        token = await run_sync(lambda: accounts.make_token(login, new.label, days, second_factor=marked))
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

    @api.post("/join", status_code=202, summary="Apply to a region for a credential, accepting its rulebook")
    async def apply(request: Request, body: JoinRequest) -> Any:
        asked = await join.join(body.region, body.credential_type, await person(request))
        state = next(
            (one["state"] for one in await wallet.requests() if one["holder_pid"] == asked.holder_pid), "RECEIVED"
        )
        return {
            "issuer": asked.issuer,
            "holder_pid": asked.holder_pid,
            "rulebook": (asked.rulebook or {}).get("iri"),
            "state": state,
        }

    @api.get("/memberships", summary="This node's applications and the credentials that it holds")
    async def memberships(request: Request) -> Any:
        await person(request)
        return {
            "requests": [_plain(one) for one in await wallet.requests()],
            "credentials": [
                {
                    "id": credential.id,
                    "types": list(credential.types),
                    "issuer": credential.issuer,
                    "claims": credential.claims,
                    "validFrom": stamp(credential.valid_from),
                    "validUntil": stamp(credential.valid_until) if credential.valid_until else None,
                }
                for credential in await wallet.credentials()
            ],
        }

    @api.get("/applications", summary="Applications for credentials of this node")
    async def all_applications(request: Request) -> Any:
        await person(request)
        return [application_json(application) for application in await run_sync(_issuer(issuer).applications)]

    @api.get("/issued", summary="Credentials that this node issued")
    async def all_issued(request: Request) -> Any:
        await person(request)
        return [issued_json(one) for one in await run_sync(_issuer(issuer).issued_credentials)]

    @api.post("/issued/{credential_id}/revoke", summary="Revoke a credential; it counts from the next access")
    async def revoke_one(request: Request, credential_id: str, why: Why) -> Any:
        caller = await person(request)
        if revoke is None:
            raise NotFound(
                "this node issues no credentials", remedy="set issuer = true in the settings, or ask your region"
            )
        revoking = revoke
        return issued_json(await run_sync(lambda: revoking.revoke(credential_id, why.reason, caller)))

    return api


def _issuer(issuer: Issuer | None) -> Issuer:
    if issuer is None:
        raise NotFound(
            "this node issues no credentials", remedy="set issuer = true in the settings, or ask your region"
        )
    return issuer


def _plain(request: dict[str, Any]) -> dict[str, Any]:
    return {name: stamp(value) if hasattr(value, "isoformat") else value for name, value in request.items()}


def account_json(account: Account) -> dict[str, Any]:
    return {
        "login": account.login,
        "name": account.name,
        "roles": sorted(str(role) for role in account.roles),
        "created": stamp(account.created),
        "disabled": account.disabled,
        "resetBy": account.reset_by if account.must_choose else None,
        "resetWhat": account.reset_what if account.must_choose else None,
        "resetAt": stamp(account.reset_at) if account.reset_at and account.must_choose else None,
        "secondFactor": stamp(account.second_factor) if account.second_factor else None,
    }


def token_json(token: ApiToken) -> dict[str, Any]:
    return {"sha256": token.sha256, "login": token.login, "label": token.label, "expires": stamp(token.expires)}


def application_json(application: Application) -> dict[str, Any]:
    return {
        "id": application.id,
        "holder": application.holder,
        "credentialType": application.credential_type,
        "accession": application.accession,
        "state": str(application.state),
        "at": stamp(application.at),
        "decidedBy": application.decided_by,
        "decidedAt": stamp(application.decided_at) if application.decided_at else None,
        "reason": application.reason,
    }


def issued_json(credential: IssuedCredential) -> dict[str, Any]:
    return {
        "id": credential.id,
        "holder": credential.holder,
        "type": credential.type,
        "at": stamp(credential.at),
        "validUntil": stamp(credential.valid_until),
        "revokedAt": stamp(credential.revoked_at) if credential.revoked_at else None,
        "revokedWhy": credential.revoked_why,
    }
