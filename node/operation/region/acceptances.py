"""The members of a region, and the versions of the rulebook that they accepted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from anyio.to_thread import run_sync

from node.base.clock import Clock, stamp
from node.base.work import UnitOfWork
from node.identity.model import Application, ApplicationState, IssuedCredential
from node.identity.ports import IdentityStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A holder of a valid credential of this node, and the newest version of the rulebook that it signed; ``version``
    is 0 if it signed none. ``must_accept``: a newer version is published."""

    holder: str
    name: str
    version: int
    at: datetime | None
    must_accept: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "holder": self.holder,
            "name": self.name,
            "version": self.version or None,
            "at": stamp(self.at) if self.at else None,
            "mustAccept": self.must_accept,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RulebookAcceptances:
    """The rulebook of this node (its IRI and newest version; empty and 0 without one), and the acceptances,
    those that are missing first."""

    iri: str
    version: int
    acceptances: tuple[Acceptance, ...]

    @property
    def missing(self) -> int:
        """Return how many members must accept the newest version."""
        return sum(acceptance.must_accept for acceptance in self.acceptances)

    def to_json(self) -> dict[str, Any]:
        return {
            "rulebook": self.iri or None,
            "version": self.version or None,
            "missing": self.missing,
            "acceptances": [acceptance.to_json() for acceptance in self.acceptances],
        }


class ReadAcceptances:
    """Reads which member of this region accepted which version of the rulebook, from their signed applications."""

    def __init__(
        self,
        uow: UnitOfWork,
        identity: IdentityStore,
        clock: Clock,
        rulebook: Callable[[], Mapping[str, Any] | None],
    ) -> None:
        """``rulebook`` returns the IRI and the newest version of the rulebook of this node."""
        self._uow = uow
        self._identity = identity
        self._clock = clock
        self._rulebook = rulebook

    async def read(self) -> RulebookAcceptances:
        """Return the acceptances as they are now."""
        return await run_sync(self._read)

    def _read(self) -> RulebookAcceptances:
        rulebook, now = self._rulebook() or {}, self._clock.now()
        iri, version = str(rulebook.get("iri") or ""), int(rulebook.get("version") or 0)
        with self._uow.read() as tx:
            applications = self._identity.applications(tx, ApplicationState.ISSUED)
            credentials = self._identity.issued_credentials(tx)
        holders = dict.fromkeys(credential.holder for credential in credentials if _is_valid(credential, now))
        acceptances = [
            _acceptance(holder, [known for known in applications if known.holder == holder], iri, version)
            for holder in holders
        ]
        acceptances.sort(key=lambda acceptance: (not acceptance.must_accept, acceptance.name.casefold()))
        return RulebookAcceptances(iri=iri, version=version, acceptances=tuple(acceptances))


def _is_valid(credential: IssuedCredential, now: datetime) -> bool:
    return credential.revoked_at is None and credential.valid_until > now


def _acceptance(holder: str, applications: Sequence[Application], iri: str, newest: int) -> Acceptance:
    versions = {_version(application, iri): application for application in reversed(applications)}
    version = max(versions, default=0)
    last = applications[0] if applications else None
    return Acceptance(
        holder=holder,
        name=str((last.accession.get("legalName") if last else "") or holder),
        version=version,
        at=versions[version].at if version else None,
        must_accept=version < newest,
    )


def _version(application: Application, iri: str) -> int:
    """Return the version of the rulebook ``iri`` that an application accepts; 0 if it accepts none."""
    text = str(application.accession.get("version") or "")
    is_number = text.isascii() and text.isdigit() and len(text) < 10
    return int(text) if is_number and application.accession.get("rulebook") == iri else 0
