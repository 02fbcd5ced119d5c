"""The place of this node among the nodes: membership, applications, credentials."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.clock import stamp
from node.base.errors import NotFound
from node.catalogue.accession import Join
from node.identity.credentials.revocation import ChangeCredentialStatus
from node.identity.credentials.wallet import Wallet
from node.identity.model import Application, IssuedCredential
from node.operation.region.acceptances import ReadAcceptances
from node.operation.region.membership import OwnMembership
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person
from node.web.management.requests import Why

T = TypeVar("T")


class Issuer(Protocol):
    """Reads the applications and the issued credentials, for the people of an issuer node."""

    def issued_credentials(self) -> list[IssuedCredential]: ...

    def applications(self) -> list[Application]: ...


class JoinRequest(BaseModel):
    """Whom to ask for which credential."""

    model_config = ConfigDict(extra="forbid")

    region: str = Field(max_length=2048, description="Address of the region, or its DID.")
    credential_type: str = Field("MembershipCredential", alias="credentialType", max_length=128)
    rulebook: str | None = Field(
        None,
        max_length=64,
        description="SHA-256 of the version of the rulebook that you have read and accept, empty if the region has "
        "none. Without it, the newest version is accepted.",
    )


def router(
    *,
    person: Person,
    join: Join,
    wallet: Wallet,
    membership: OwnMembership,
    acceptances: ReadAcceptances,
    credentials: ChangeCredentialStatus | None,
    issuer: Issuer | None,
) -> APIRouter:
    """Return the routes; ``credentials`` and ``issuer`` are set at an issuer."""
    api = PlacedApiRouter(prefix="/api", tags=["people"], route_class=knowing(person))

    @api.post("/join", status_code=202, summary="Apply to a region for a credential, accepting its rulebook")
    async def apply(request: Request, body: JoinRequest) -> Any:
        caller = await person(request)
        application = await join.join(body.region, body.credential_type, caller, rulebook=body.rulebook)
        state = next(
            (one["state"] for one in await wallet.requests() if one["holder_pid"] == application.holder_pid),
            "RECEIVED",
        )
        return {
            "issuer": application.issuer,
            "holder_pid": application.holder_pid,
            "rulebook": (application.rulebook or {}).get("iri"),
            "state": state,
        }

    @api.get("/memberships", summary="This node's applications and the credentials that it holds")
    async def memberships(request: Request) -> Any:
        await person(request)
        return {
            "requests": [_plain(one) for one in await wallet.requests()],
            "credentials": [credential.to_json() for credential in await membership.credentials()],
        }

    @api.get("/applications", summary="Applications for credentials of this node")
    async def all_applications(request: Request) -> Any:
        await person(request)
        return [application_json(application) for application in await run_sync(_issuer(issuer).applications)]

    @api.get("/issued", summary="Credentials that this node issued")
    async def all_issued(request: Request) -> Any:
        await person(request)
        return [issued_json(one) for one in await run_sync(_issuer(issuer).issued_credentials)]

    @api.get("/rulebook/acceptances", summary="Which member accepted which version of this region's rulebook")
    async def all_acceptances(request: Request) -> Any:
        await person(request)
        _issuer(issuer)
        return (await acceptances.read()).to_json()

    @api.post("/issued/{credential_id}/revoke", summary="Revoke a credential; it takes effect at the next access")
    async def revoke_one(request: Request, credential_id: str, why: Why) -> Any:
        caller = await person(request)
        status = _issuer(credentials)
        return issued_json(await run_sync(lambda: status.revoke(credential_id, why.reason, caller)))

    @api.post("/issued/{credential_id}/suspend", summary="Suspend a credential; it takes effect at the next access")
    async def suspend_one(request: Request, credential_id: str, why: Why) -> Any:
        caller = await person(request)
        status = _issuer(credentials)
        return issued_json(await run_sync(lambda: status.suspend(credential_id, why.reason, caller)))

    @api.post("/issued/{credential_id}/reinstate", summary="Let a suspended credential count again")
    async def reinstate_one(request: Request, credential_id: str) -> Any:
        caller = await person(request)
        status = _issuer(credentials)
        return issued_json(await run_sync(lambda: status.reinstate(credential_id, caller)))

    return api


def _issuer(part: T | None) -> T:
    """Return a part that only an issuer has. Raises ``NotFound`` at other nodes."""
    if part is None:
        raise NotFound(
            "this node issues no credentials", remedy="set issuer = true in the settings, or ask your region"
        )
    return part


def _plain(request: dict[str, Any]) -> dict[str, Any]:
    return {name: stamp(value) if hasattr(value, "isoformat") else value for name, value in request.items()}


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
        "suspendedAt": stamp(credential.suspended_at) if credential.suspended_at else None,
        "suspendedWhy": credential.suspended_why,
    }
