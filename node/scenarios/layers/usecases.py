"""Storing change layers: proposed changes to a version of a dataset, stored apart from the data.

A layer is pinned to the version that its author saw. Saving it again makes a new state under the same id: a state
that a run has used never changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from anyio.to_thread import run_sync

from node.base import errors
from node.base.clock import Clock
from node.base.errors import InvalidInput, NotFound
from node.base.ids import new_urn
from node.base.work import UnitOfWork
from node.catalogue.model import Record
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.scenarios.layers.changes import apply
from node.scenarios.layers.conflicts import Conflict
from node.scenarios.layers.excerpts import Excerpt, Excerpts
from node.scenarios.layers.serialization import layer_from_json, with_hash
from node.scenarios.model import Layer, Port, Rows
from node.scenarios.ports import LayerStore
from node.scenarios.records.cards import dataset_port
from node.scenarios.records.library import Library
from node.scenarios.tables.rows import key_of, read_rows
from node.semantics.kinds import iri_meant
from node.semantics.model import File


@dataclass(frozen=True, slots=True, kw_only=True)
class LayeredVersion:
    """A layer on the version that it is for: the rows without it and with it, and the changes that do not fit."""

    layer: Layer
    before: Rows
    after: Rows
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcerptOfVersion:
    """An excerpt of a file of a version of a dataset."""

    record: Record
    file: File
    excerpt: Excerpt


class Layers:
    """Change layers of this node, for its own people."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        layers: LayerStore,
        library: Library,
        excerpts: Excerpts,
        clock: Clock,
        base: str,
    ) -> None:
        self._uow = uow
        self._layers = layers
        self._library = library
        self._excerpts = excerpts
        self._clock = clock
        self._base = base

    async def target(
        self, iri: str, caller: Caller, *, version: int | None = None, file: str | None = None
    ) -> tuple[Rows, Port, str, int, str]:
        """Return the rows that a layer would change: rows, port, file, version, SHA-256. Raises as
        ``Library.obtain``."""
        record = await self._library.record(iri_meant(iri, self._base), caller, version=version)
        bytes_of_file = await self._library.obtain(record, file)
        port = dataset_port(record, "")
        body = await self._library.read(bytes_of_file.file.sha256)
        rows = await asyncio.to_thread(read_rows, body, bytes_of_file.file.media_type, port)
        return rows, port, bytes_of_file.file.name, record.version, bytes_of_file.file.sha256

    async def begin(
        self, iri: str, caller: Caller, *, version: int | None = None, file: str | None = None
    ) -> tuple[Rows, Port, str, int, str]:
        """As ``target``, for a layer that a person is about to draw. Raises ``NotAllowed`` if the person may not draw
        layers."""
        require(caller, UseCase.CHANGE_LAYERS)
        return await self.target(iri, caller, version=version, file=file)

    async def begin_excerpt(
        self, iri: str, caller: Caller, names: Iterable[str], *, version: int | None = None, file: str | None = None
    ) -> ExcerptOfVersion | None:
        """As ``excerpt``, for a layer that a person is about to draw. Raises ``NotAllowed`` if the person may not
        draw layers."""
        require(caller, UseCase.CHANGE_LAYERS)
        return await self.excerpt(iri, caller, names, version=version, file=file)

    async def excerpt(
        self, iri: str, caller: Caller, names: Iterable[str], *, version: int | None = None, file: str | None = None
    ) -> ExcerptOfVersion | None:
        """Return the first rows that a layer would change and those of these names; None for a file that has to be
        read whole (``target``). Raises as ``target``."""
        record = await self._library.record(iri_meant(iri, self._base), caller, version=version)
        bytes_of_file = await self._library.obtain(record, file)
        excerpt = await self._excerpts.of(bytes_of_file.file, dataset_port(record, ""), names)
        if excerpt is None:
            return None
        return ExcerptOfVersion(record=record, file=bytes_of_file.file, excerpt=excerpt)

    async def save(self, body: Mapping[str, Any], caller: Caller, *, after: str = "") -> LayeredVersion:
        """Store a layer: ``{title, reason, target, version?, file?, key?, id?, operations: […]}``.

        The author is the caller. ``after`` is the hash of the edited state: if another person has saved another state
        meanwhile, it raises ``Conflict`` and saves nothing. Raises ``InvalidInput`` if the layer cannot be read,
        changes nothing, or does not fit the version that it is for; ``NotFound``, ``NotAllowed`` for data that this
        node may not read.
        """
        require(caller, UseCase.CHANGE_LAYERS)
        target_iri = str(body.get("target") or "")
        if not target_iri:
            raise InvalidInput(
                "the layer does not state what it changes", remedy="give target: the dataset's address"
            )
        number, name = body.get("version"), body.get("file")
        if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
            raise InvalidInput("version must be the number of a version", remedy="versions are numbered from 1")
        if not isinstance(name, str | None):
            raise InvalidInput("file is not the name of a file", remedy="remove it if the dataset has only one file")
        rows, port, file, version, sha256 = await self.target(target_iri, caller, version=number, file=name)
        draft = layer_from_json(
            {
                **body,
                "id": body.get("id") or new_urn(),
                "target": iri_meant(target_iri, self._base),
                "version": version,
                "file": file,
                "target_sha256": sha256,
                "key": body.get("key") or _join_key(key_of(rows, port), file),
                "author": caller.name,
                "at": self._clock.now(),
            }
        )
        layer = with_hash(draft)
        rows_after = self._apply(layer, rows)
        if rows_after.conflicts:
            first, many = rows_after.conflicts[0], len(rows_after.conflicts)
            raise InvalidInput(
                f"{f'{many} changes do' if many > 1 else 'the change does'} not fit version {version}: "
                f"{first.sentence}",
                remedy="look at the current values, and write the change again",
                facts={"conflicts": [conflict.to_json() for conflict in rows_after.conflicts]},
            )

        def keep() -> None:
            with self._uow.begin() as tx:
                newest = self._layers.newest(tx, layer.id)
                if after and newest is not None and newest.sha256 != after:
                    raise errors.Conflict(
                        f"{newest.author} has changed this layer in the meantime",
                        remedy="look at it again, then change it",
                    )
                self._layers.put(tx, layer)

        await run_sync(keep)
        return rows_after

    async def layer(self, name: str) -> Layer:
        """Return the newest state of a layer by its id, or any state by its SHA-256. Raises ``NotFound``."""

        def read() -> Layer | None:
            with self._uow.read() as tx:
                return self._layers.newest(tx, name) or self._layers.get(tx, name)

        layer = await run_sync(read)
        if layer is None:
            raise NotFound("this change layer does not exist", remedy="hansa layer list")
        return layer

    async def of(self, target: str | None = None) -> Sequence[Layer]:
        """Return the newest state of each layer, of one dataset or of all."""
        dataset = iri_meant(target, self._base) if target else None

        def read() -> Sequence[Layer]:
            with self._uow.read() as tx:
                return self._layers.of(tx, dataset)

        return await run_sync(read)

    async def lay_on(self, layer: Layer, caller: Caller, *, version: int | None = None) -> LayeredVersion:
        """Return ``layer`` on the version that it is for, or on another one: its changes and its conflicts."""
        rows, *_ = await self.target(layer.target, caller, version=version or layer.version, file=layer.file)
        return self._apply(layer, rows)

    def _apply(self, layer: Layer, rows: Rows) -> LayeredVersion:
        applied = apply(rows, layer.key, [layer])
        return LayeredVersion(layer=layer, before=rows, after=applied.rows, conflicts=tuple(applied.conflicts))

    async def move(self, layer: Layer, caller: Caller, version: int) -> LayeredVersion:
        """Return the layer pinned to another version of its dataset, if it fits. Raises as ``save``."""
        rows, _, _, _, sha256 = await self.target(layer.target, caller, version=version, file=layer.file)
        return self._apply(with_hash(replace(layer, version=version, target_sha256=sha256)), rows)


def _join_key(key: tuple[str, ...], file: str) -> str:
    if not key:
        raise InvalidInput(
            f"the rows of {file} have no key, so a change cannot name a row",
            remedy="publish the data with a column whose values are unique",
        )
    return ",".join(key)
