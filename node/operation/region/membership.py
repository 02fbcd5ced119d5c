"""The regions of this node: its credentials with their status, and its applications."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.clock import stamp
from node.base.work import UnitOfWork
from node.catalogue.accession import Allegiance
from node.identity.credentials.wallet import Wallet
from node.identity.model import Credential, Rejection
from node.identity.ports import IdentityStore

PATIENCE: Final = 3.0
"""Seconds that a list of credentials waits for the status lists of their issuers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCredential:
    """A credential of this node. ``rejection`` says why it does not count now; ``is_checked`` is false while its
    issuer has not answered; ``is_replaced``: a newer one of the same issuer and type is valid for longer."""

    credential: Credential
    rejection: Rejection | None = None
    is_checked: bool = True
    is_replaced: bool = False

    @property
    def state(self) -> str:
        """Return ``valid``, ``revoked``, ``suspended``, ``expired``, ``invalid`` for another reason, or ``unknown``
        while its issuer does not answer."""
        if self.rejection is None:
            return "valid" if self.is_checked else "unknown"
        return self.rejection.status or ("unknown" if self.rejection.transient else "invalid")

    def to_json(self) -> dict[str, Any]:
        credential, rejection = self.credential, self.rejection
        return {
            "id": credential.id,
            "types": list(credential.types),
            "issuer": credential.issuer,
            "claims": credential.claims,
            "validFrom": stamp(credential.valid_from),
            "validUntil": stamp(credential.valid_until) if credential.valid_until else None,
            "state": self.state,
            "rejected": rejection.why if rejection else "",
            "rejectedSince": stamp(rejection.since) if rejection and rejection.since else None,
            "replaced": self.is_replaced,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerPart:
    """The credentials and applications of this node at one issuer. ``is_region``: it is the region
    of this node, whose ``rulebook`` (IRI, version, hash) is in force here."""

    did: str
    name: str
    is_region: bool
    credentials: tuple[OwnCredential, ...] = ()
    requests: tuple[dict[str, Any], ...] = ()
    rulebook: Mapping[str, Any] | None = None


class OwnMembership:
    """Reads the regions and issuers of which this node has credentials, or to which it has applied."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        identity: IdentityStore,
        wallet: Wallet,
        allegiance: Allegiance,
        names: Callable[[], Mapping[str, str]],
    ) -> None:
        """``names`` returns the names of known participants, by DID."""
        self._uow = uow
        self._identity = identity
        self._wallet = wallet
        self._allegiance = allegiance
        self._names = names

    async def credentials(self) -> Sequence[OwnCredential]:
        """Return the credentials of this node with their status, the newest first. It waits a few seconds for the
        status lists."""
        credentials = await self._wallet.credentials()
        results = await self._states(credentials)
        newest = _newest(credentials)
        return [
            OwnCredential(
                credential=credential,
                rejection=result if isinstance(result := results.get(credential.id), Rejection) else None,
                is_checked=credential.id in results,
                is_replaced=newest[credential.issuer, credential.types].id != credential.id,
            )
            for credential in reversed(credentials)
        ]

    async def _states(self, credentials: Sequence[Credential]) -> dict[str, Credential | Rejection]:
        """Return the credentials with their status, by id; without those whose issuers do not answer in time."""
        checks = {known.id: asyncio.ensure_future(self._wallet.check(known)) for known in credentials}
        if not checks:
            return {}
        try:
            await asyncio.wait(checks.values(), timeout=PATIENCE)
            return {name: check.result() for name, check in checks.items() if check.done()}
        finally:
            for check in checks.values():
                check.cancel()

    async def issuers(self) -> Sequence[IssuerPart]:
        """Return the region of this node first, then other issuers, each with credentials and applications."""
        credentials = await self.credentials()
        requests = await run_sync(self._requests)
        region, names = self._allegiance.region, self._names()
        known = [own.credential.issuer for own in credentials] + [str(request["issuer"]) for request in requests]
        dids = dict.fromkeys(([region] if region else []) + known)
        return [
            IssuerPart(
                did=did,
                name=names.get(did, ""),
                is_region=did == region,
                credentials=tuple(own for own in credentials if own.credential.issuer == did),
                requests=tuple(request for request in requests if request["issuer"] == did),
                rulebook=self._allegiance.rulebook if did == region else None,
            )
            for did in dids
        ]

    def _requests(self) -> Sequence[dict[str, Any]]:
        with self._uow.read() as tx:
            return list(self._identity.requests(tx))


def _newest(credentials: Sequence[Credential]) -> dict[tuple[str, tuple[str, ...]], Credential]:
    """Return for each issuer and type the credential that is valid for longest."""
    newest: dict[tuple[str, tuple[str, ...]], Credential] = {}
    for credential in credentials:
        key = credential.issuer, credential.types
        if key not in newest or _end(credential) >= _end(newest[key]):
            newest[key] = credential
    return newest


def _end(credential: Credential) -> tuple[bool, str]:
    return credential.valid_until is None, stamp(credential.valid_until) if credential.valid_until else ""
