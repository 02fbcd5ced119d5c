"""Jobs, runs and change layers (``node.scenarios.ports``): search keys in columns, the whole object as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, and_, bindparam, func, select

from node.adapters.sql.rows import put
from node.adapters.sql.schema.scenarios import jobs, layers, runs
from node.adapters.sql.work import connection_of
from node.base.errors import Conflict
from node.base.work import Transaction
from node.scenarios.model import Layer
from node.scenarios.run_model import Job, Run
from node.scenarios.serialization import from_json, to_json

_JOB = select(jobs.c.body).where(jobs.c.id == bindparam("id"))
_JOB_LOCKED = _JOB.with_for_update()
_JOB_OF_KEY = select(jobs.c.id, jobs.c.body).where(jobs.c.owner == bindparam("owner"), jobs.c.key == bindparam("key"))
_RUN = select(runs.c.body).where(runs.c.pid == bindparam("pid"))
_RUN_LOCKED = _RUN.with_for_update()
_LAYER = select(layers.c.body).where(layers.c.sha256 == bindparam("sha256")).order_by(layers.c.id).limit(1)
_NEWEST_LAYER = (
    select(layers.c.body)
    .where(layers.c.id == bindparam("id"))
    .order_by(layers.c.at.desc(), layers.c.sha256.desc())
    .limit(1)
)


class SqlJobStore:
    """Jobs by id; an owner's key names one of them."""

    def put(self, tx: Transaction, job: Job) -> None:
        connection = connection_of(tx)
        if job.key is not None:
            other = connection.execute(_JOB_OF_KEY, {"owner": job.owner, "key": job.key}).one_or_none()
            if other is not None and other.id != job.id:
                raise Conflict("a job with this key already exists")
        row = {"id": job.id, "owner": job.owner, "key": job.key, "model": job.model, "state": job.state}
        put(connection, jobs, row | {"created": job.created, "body": to_json(job)})

    def get(self, tx: Transaction, job_id: str, *, lock: bool = False) -> Job | None:
        statement = _JOB_LOCKED if lock else _JOB
        body = connection_of(tx).execute(statement, {"id": job_id}).scalar_one_or_none()
        return None if body is None else from_json(Job, body)

    def by_key(self, tx: Transaction, owner: str, key: str) -> Job | None:
        row = connection_of(tx).execute(_JOB_OF_KEY, {"owner": owner, "key": key}).one_or_none()
        return None if row is None else from_json(Job, row.body)

    def of(self, tx: Transaction, owner: str | None, *, limit: int = 100) -> Sequence[Job]:
        wanted = [] if owner is None else [jobs.c.owner == owner]
        statement = select(jobs.c.body).where(*wanted).order_by(jobs.c.created.desc(), jobs.c.id.desc()).limit(limit)
        return [from_json(Job, body) for body in connection_of(tx).execute(statement).scalars()]


class SqlRunStore:
    """Runs by pid."""

    def put(self, tx: Transaction, run: Run) -> None:
        row = {"pid": run.pid, "template": run.template.iri, "state": run.state, "created": run.created}
        put(connection_of(tx), runs, row | {"body": to_json(run)})

    def get(self, tx: Transaction, pid: str, *, lock: bool = False) -> Run | None:
        statement = _RUN_LOCKED if lock else _RUN
        body = connection_of(tx).execute(statement, {"pid": pid}).scalar_one_or_none()
        return None if body is None else from_json(Run, body)

    def newest(self, tx: Transaction, *, template: str | None = None, limit: int = 100) -> Sequence[Run]:
        wanted = [] if template is None else [runs.c.template == template]
        statement = select(runs.c.body).where(*wanted).order_by(runs.c.created.desc(), runs.c.pid.desc()).limit(limit)
        return [from_json(Run, body) for body in connection_of(tx).execute(statement).scalars()]


class SqlLayerStore:
    """Every state of every layer; the newest state of a layer is the current one."""

    def put(self, tx: Transaction, layer: Layer) -> None:
        row = {"id": layer.id, "sha256": layer.sha256, "target": layer.target, "at": layer.at}
        put(connection_of(tx), layers, row | {"body": to_json(layer)})

    def get(self, tx: Transaction, sha256: str) -> Layer | None:
        body = connection_of(tx).execute(_LAYER, {"sha256": sha256}).scalar_one_or_none()
        return None if body is None else from_json(Layer, body)

    def newest(self, tx: Transaction, layer_id: str) -> Layer | None:
        body = connection_of(tx).execute(_NEWEST_LAYER, {"id": layer_id}).scalar_one_or_none()
        return None if body is None else from_json(Layer, body)

    def of(self, tx: Transaction, target: str | None = None) -> Sequence[Layer]:
        latest = _latest(target).subquery()
        statement = (
            select(layers.c.id, layers.c.body)
            .join(latest, and_(latest.c.id == layers.c.id, latest.c.at == layers.c.at))
            .order_by(layers.c.at.desc(), layers.c.sha256.desc())
        )
        # Two states of the same moment: the one that ``newest`` returns comes first.
        layers_by_id: dict[str, Layer] = {}
        for row in connection_of(tx).execute(statement):
            if row.id not in layers_by_id:
                layers_by_id[row.id] = from_json(Layer, row.body)
        return list(layers_by_id.values())


def _latest(target: str | None) -> Select[tuple[str, datetime]]:
    statement = select(layers.c.id, func.max(layers.c.at).label("at")).group_by(layers.c.id)
    return statement if target is None else statement.where(layers.c.target == target)
