"""Applications and issued credentials for the people of an issuer, and their decisions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from anyio.to_thread import run_sync

from node.base.work import UnitOfWork
from node.identity.credentials.issuance import DecideApplication
from node.identity.model import Application, ApplicationState, IssuedCredential
from node.identity.ports import IdentityStore


class IssuerView:
    """Reads the applications and the issued credentials, for the people of an issuer node."""

    def __init__(self, uow: UnitOfWork, store: IdentityStore) -> None:
        self._uow = uow
        self._store = store

    def issued_credentials(self) -> list[IssuedCredential]:
        """Return all credentials that this node has issued."""
        with self._uow.read() as tx:
            return list(self._store.issued_credentials(tx))

    def applications(self) -> list[Application]:
        """Return all applications, decided or not."""
        with self._uow.read() as tx:
            return list(self._store.applications(tx))


class Admissions:
    """The issuer's decisions about applications. ``on_admission`` is called for a new member."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: IdentityStore,
        application: DecideApplication,
        wake: Callable[[], None],
        on_admission: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._uow = uow
        self._store = store
        self._application = application
        self._wake = wake
        self._on_admission = on_admission

    def waiting(self) -> list[Application]:
        """Return the undecided applications."""
        with self._uow.read() as tx:
            return list(self._store.applications(tx, ApplicationState.RECEIVED))

    def oldest(self, limit: int) -> list[Application]:
        """Return the undecided applications that have waited longest, at most ``limit``."""
        with self._uow.read() as tx:
            return list(self._store.applications(tx, ApplicationState.RECEIVED, oldest=limit))

    def count(self) -> int:
        """Return how many applications are undecided."""
        with self._uow.read() as tx:
            return self._store.count_applications(tx, ApplicationState.RECEIVED)

    async def decide(self, application_id: str, *, approve: bool, by: str, reason: str | None) -> Application:
        """Admit or refuse."""
        if approve:
            await run_sync(lambda: self._application.approve(application_id, by))
        else:
            why = reason or "the application was not accepted"
            await run_sync(lambda: self._application.reject(application_id, by, why))
        self._wake()
        application = await run_sync(self._find, application_id)
        if approve:
            await self._on_admission(application.holder, by)
        return application

    def _find(self, application_id: str) -> Application:
        with self._uow.read() as tx:
            found = self._store.application(tx, application_id)
        assert found is not None, "it was already decided"
        return found
