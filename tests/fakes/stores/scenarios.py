"""Jobs, runs and change layers in memory."""

from __future__ import annotations

from collections.abc import Sequence

from node.base.errors import Conflict
from node.base.work import Transaction
from node.scenarios.model import Layer
from node.scenarios.run_model import Job, Run
from tests.fakes.stores.work import memory


class MemoryJobStore:
    """Jobs by id."""

    def put(self, tx: Transaction, job: Job) -> None:
        known = self.by_key(tx, job.owner, job.key) if job.key is not None else None
        if known is not None and known.id != job.id:
            raise Conflict("a job with this key already exists")
        memory(tx).put("jobs", job.id, job)

    def get(self, tx: Transaction, job_id: str, *, lock: bool = False) -> Job | None:
        return memory(tx).rows("jobs").get(job_id)

    def by_key(self, tx: Transaction, owner: str, key: str) -> Job | None:
        jobs: list[Job] = list(memory(tx).rows("jobs").values())
        return next((job for job in jobs if job.owner == owner and job.key == key), None)

    def of(self, tx: Transaction, owner: str | None, *, limit: int = 100) -> Sequence[Job]:
        jobs: list[Job] = [job for job in memory(tx).rows("jobs").values() if owner is None or job.owner == owner]
        return sorted(jobs, key=lambda job: (job.created, job.id), reverse=True)[:limit]


class MemoryRunStore:
    """Runs by pid."""

    def put(self, tx: Transaction, run: Run) -> None:
        memory(tx).put("runs", run.pid, run)

    def get(self, tx: Transaction, pid: str, *, lock: bool = False) -> Run | None:
        return memory(tx).rows("runs").get(pid)

    def newest(self, tx: Transaction, *, template: str | None = None, limit: int = 100) -> Sequence[Run]:
        runs: list[Run] = [
            run for run in memory(tx).rows("runs").values() if template is None or run.template.iri == template
        ]
        return sorted(runs, key=lambda run: (run.created, run.pid), reverse=True)[:limit]


class MemoryLayerStore:
    """Every state of every layer."""

    def put(self, tx: Transaction, layer: Layer) -> None:
        memory(tx).put("layers", (layer.id, layer.sha256), layer)

    def get(self, tx: Transaction, sha256: str) -> Layer | None:
        return next((layer for layer in self._newest_first(tx) if layer.sha256 == sha256), None)

    def newest(self, tx: Transaction, layer_id: str) -> Layer | None:
        return next((layer for layer in self._newest_first(tx) if layer.id == layer_id), None)

    def of(self, tx: Transaction, target: str | None = None) -> Sequence[Layer]:
        layers: dict[str, Layer] = {}
        for layer in self._newest_first(tx):
            if target is None or layer.target == target:
                layers.setdefault(layer.id, layer)
        return list(layers.values())

    def _newest_first(self, tx: Transaction) -> list[Layer]:
        layers: list[Layer] = list(memory(tx).rows("layers").values())
        return sorted(layers, key=lambda layer: (layer.at, layer.sha256), reverse=True)
