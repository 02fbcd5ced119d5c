"""Accounts, tokens, wallet, issued credentials, used token ids (``node.identity.ports.IdentityStore``)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, select, update

from node.adapters.sql.people.accounts import SqlAccounts
from node.adapters.sql.rows import add, build, values
from node.adapters.sql.schema.credentials import applications, credential_requests, credentials, jtis, status_places
from node.adapters.sql.schema.credentials import issued as issued_credentials
from node.adapters.sql.work import connection_of
from node.base.errors import Conflict, LocalFault, NotFound
from node.base.work import Transaction
from node.identity.model import (
    Application,
    ApplicationState,
    Credential,
    IssuedCredential,
)

STATUS_LIST_SIZE = 131_072
"""Places in a status list: the smallest size that hides the holder (W3C Bitstring Status List 1.0 §3.2: 16 KB)."""

_DRAWS = 24
"""Draws for a free place before a new list is begun: by then the list is about nine tenths full."""

_APPLICATION = select(applications).where(applications.c.id == bindparam("id"))
_BY_HOLDER = select(applications).where(
    applications.c.holder == bindparam("holder"), applications.c.holder_pid == bindparam("holder_pid")
)
_SAVE_APPLICATION = update(applications).where(
    applications.c.id == bindparam("application"), applications.c.state == ApplicationState.RECEIVED
)
_ISSUED = select(issued_credentials).where(issued_credentials.c.id == bindparam("id"))
_REVOKE = (
    update(issued_credentials)
    .where(issued_credentials.c.id == bindparam("credential"), issued_credentials.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("moment"), revoked_why=bindparam("why"))
)
_SUSPEND = (
    update(issued_credentials)
    .where(
        issued_credentials.c.id == bindparam("credential"),
        issued_credentials.c.revoked_at.is_(None),
        issued_credentials.c.suspended_at.is_(None),
    )
    .values(suspended_at=bindparam("moment"), suspended_why=bindparam("why"))
)
_REINSTATE = (
    update(issued_credentials)
    .where(issued_credentials.c.id == bindparam("credential"))
    .values(suspended_at=bindparam("moment"), suspended_why=bindparam("why"))
)


class SqlIdentityStore(SqlAccounts):
    """Everything that identity stores except keys."""

    # used token ids -------------------------------------------------------------------------------------
    def use_jti(self, tx: Transaction, issuer: str, jti: str, expires: datetime) -> bool:
        return add(connection_of(tx), jtis, {"issuer": issuer, "jti": jti, "expires": expires})

    def forget_jtis(self, tx: Transaction, before: datetime) -> int:
        return connection_of(tx).execute(delete(jtis).where(jtis.c.expires < before)).rowcount

    # wallet: credentials that we hold ---------------------------------------------------------------------
    def keep_credential(self, tx: Transaction, credential: Credential, at: datetime) -> None:
        connection = connection_of(tx)
        row = values(credential, types=list(credential.types), at=at)
        if not add(connection, credentials, row):
            connection.execute(update(credentials).where(credentials.c.id == credential.id).values(**row))

    def credentials(self, tx: Transaction) -> Sequence[Credential]:
        rows = connection_of(tx).execute(select(credentials).order_by(credentials.c.ordinal))
        return [build(Credential, row, types=tuple(row.types)) for row in rows]

    def drop_credentials(self, tx: Transaction, issuer: str) -> int:
        return connection_of(tx).execute(delete(credentials).where(credentials.c.issuer == issuer)).rowcount

    def note_request(
        self, tx: Transaction, *, holder_pid: str, issuer: str, credential_type: str, at: datetime
    ) -> None:
        request = {
            "holder_pid": holder_pid,
            "issuer": issuer,
            "credential_type": credential_type,
            "at": at,
            "state": "REQUESTED",
        }
        if not add(connection_of(tx), credential_requests, request):
            raise Conflict(f"the request {holder_pid} already exists")

    def requests(self, tx: Transaction, *, lock: bool = False) -> Sequence[dict[str, Any]]:
        columns = credential_requests.c
        statement = select(
            columns.holder_pid,
            columns.issuer,
            columns.issuer_pid,
            columns.credential_type,
            columns.at,
            columns.state,
            columns.reason,
        ).order_by(columns.ordinal.desc())
        if lock:
            statement = statement.with_for_update()
        return [dict(row._mapping) for row in connection_of(tx).execute(statement)]

    def update_request(
        self,
        tx: Transaction,
        holder_pid: str,
        *,
        state: str,
        issuer_pid: str | None = None,
        reason: str | None = None,
    ) -> None:
        changes = {"state": state, "issuer_pid": issuer_pid, "reason": reason}
        told = {name: value for name, value in changes.items() if value is not None}
        statement = update(credential_requests).where(credential_requests.c.holder_pid == holder_pid)
        if connection_of(tx).execute(statement.values(**told)).rowcount != 1:
            raise NotFound("this request for a credential does not exist")

    # issuer -----------------------------------------------------------------------------------------------
    def add_application(self, tx: Transaction, application: Application) -> None:
        if not add(connection_of(tx), applications, values(application)):
            raise Conflict("this application already exists")

    def application(self, tx: Transaction, application_id: str) -> Application | None:
        row = connection_of(tx).execute(_APPLICATION, {"id": application_id}).one_or_none()
        return None if row is None else _application(row)

    def application_by_holder(self, tx: Transaction, holder: str, holder_pid: str) -> Application | None:
        wanted = {"holder": holder, "holder_pid": holder_pid}
        row = connection_of(tx).execute(_BY_HOLDER, wanted).one_or_none()
        return None if row is None else _application(row)

    def applications(
        self, tx: Transaction, state: ApplicationState | None = None, *, oldest: int | None = None
    ) -> Sequence[Application]:
        columns = applications.c
        if oldest is None:
            statement = select(applications).order_by(columns.at.desc(), columns.ordinal.desc())
        else:
            statement = select(applications).order_by(columns.at, columns.ordinal).limit(oldest)
        if state is not None:
            statement = statement.where(applications.c.state == state)
        return [_application(row) for row in connection_of(tx).execute(statement)]

    def count_applications(self, tx: Transaction, state: ApplicationState) -> int:
        counting = select(func.count()).select_from(applications).where(applications.c.state == state)
        return int(connection_of(tx).execute(counting).scalar_one())

    def save_application(self, tx: Transaction, application: Application) -> None:
        row = values(application, application=application.id)
        del row["id"]
        if connection_of(tx).execute(_SAVE_APPLICATION, row).rowcount == 1:
            return
        if self.application(tx, application.id) is None:
            raise LocalFault(f"the application {application.id} does not exist")
        raise Conflict("somebody already decided this application")

    def next_status_index(self, tx: Transaction) -> tuple[int, int]:
        connection = connection_of(tx)
        list_id: int = connection.execute(select(func.max(status_places.c.list_id))).scalar_one() or 1
        while True:
            # Places are drawn at random: a place must not show when or after whom it was given.
            for _ in range(_DRAWS):
                place = secrets.randbelow(STATUS_LIST_SIZE)
                if add(connection, status_places, {"list_id": list_id, "index": place}):
                    return list_id, place
            list_id += 1

    def add_issued(self, tx: Transaction, credential: IssuedCredential) -> None:
        if not add(connection_of(tx), issued_credentials, values(credential)):
            raise Conflict("a credential with this id or this position in the status list already exists")

    def issued_credentials(self, tx: Transaction, holder: str | None = None) -> Sequence[IssuedCredential]:
        statement = select(issued_credentials).order_by(
            issued_credentials.c.at.desc(), issued_credentials.c.ordinal.desc()
        )
        if holder is not None:
            statement = statement.where(issued_credentials.c.holder == holder)
        return [build(IssuedCredential, row) for row in connection_of(tx).execute(statement)]

    def revoke(self, tx: Transaction, credential_id: str, at: datetime, why: str) -> IssuedCredential | None:
        connection = connection_of(tx)
        connection.execute(_REVOKE, {"credential": credential_id, "moment": at, "why": why})
        row = connection.execute(_ISSUED, {"id": credential_id}).one_or_none()
        return None if row is None else build(IssuedCredential, row)

    def suspend(
        self, tx: Transaction, credential_id: str, at: datetime | None, why: str | None
    ) -> IssuedCredential | None:
        connection = connection_of(tx)
        statement = _SUSPEND if at is not None else _REINSTATE
        connection.execute(statement, {"credential": credential_id, "moment": at, "why": why})
        row = connection.execute(_ISSUED, {"id": credential_id}).one_or_none()
        return None if row is None else build(IssuedCredential, row)


def _application(row: Row[Any]) -> Application:
    return build(Application, row, state=ApplicationState(row.state))
