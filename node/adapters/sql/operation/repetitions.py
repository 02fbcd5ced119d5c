"""Requests with a key (``node.operation.repetitions.model.KeyedRequestStore``)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, bindparam, delete, select, update

from node.adapters.sql.rows import add
from node.adapters.sql.schema.repetitions import keyed_requests as table
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.operation.repetitions.model import KeyedAnswer, KeyedRequest

_ONE = and_(table.c.owner == bindparam("who"), table.c.key == bindparam("named"))
_REQUEST = select(table).where(_ONE)
_ANSWER = (
    update(table)
    .where(_ONE)
    .values(status=bindparam("new_status"), media_type=bindparam("new_type"), body=bindparam("new_body"))
)
_DROP = delete(table).where(_ONE)
_FORGET = delete(table).where(table.c.at < bindparam("before"))


class SqlKeyedRequestStore:
    """Requests by person and key."""

    def add(self, tx: Transaction, request: KeyedRequest) -> bool:
        answer = request.answer
        row = {
            "owner": request.owner,
            "key": request.key,
            "fingerprint": request.fingerprint,
            "at": request.at,
            "status": None if answer is None else answer.status,
            "media_type": None if answer is None else answer.media_type,
            "body": None if answer is None else answer.body,
        }
        return add(connection_of(tx), table, row)

    def get(self, tx: Transaction, owner: str, key: str) -> KeyedRequest | None:
        row = connection_of(tx).execute(_REQUEST, {"who": owner, "named": key}).one_or_none()
        if row is None:
            return None
        answer = (
            None
            if row.status is None
            else KeyedAnswer(status=row.status, media_type=row.media_type, body=bytes(row.body))
        )
        return KeyedRequest(owner=row.owner, key=row.key, fingerprint=row.fingerprint, at=row.at, answer=answer)

    def put_answer(self, tx: Transaction, owner: str, key: str, answer: KeyedAnswer) -> None:
        values = {"new_status": answer.status, "new_type": answer.media_type, "new_body": answer.body}
        connection_of(tx).execute(_ANSWER, {"who": owner, "named": key, **values})

    def drop(self, tx: Transaction, owner: str, key: str) -> None:
        connection_of(tx).execute(_DROP, {"who": owner, "named": key})

    def forget(self, tx: Transaction, before: datetime) -> int:
        return connection_of(tx).execute(_FORGET, {"before": before}).rowcount
