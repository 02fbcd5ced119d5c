"""Change layers as they are drawn and edited: a layer on its map, with the rows that it is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from node.base.errors import InvalidInput
from node.catalogue.model import Record
from node.identity.model import Caller
from node.identity.roles import UseCase, allowed
from node.scenarios.layers.excerpts import Excerpt
from node.scenarios.layers.serialization import layer_to_json
from node.scenarios.layers.usecases import LayeredVersion, Layers
from node.scenarios.model import Layer, Rows, Texts
from node.scenarios.records.library import Library
from node.scenarios.run_model import Run
from node.scenarios.runs.usecases import Runs
from node.scenarios.tables.rows import key_of

MOST_RUNS: Final = 500
"""The number of newest runs that are read."""
USING_SHOWN: Final = 20
_DRAWABLE: Final = "application/geo+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """An operation whose author saw another value than the data have now: three values (digest §5)."""

    id: str
    field: str
    seen: Any
    now: Any
    meant: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerView:
    """A layer as its page shows it. ``rows`` are those of the version that it was made for, unchanged; ``titles``
    name the dataset; ``newest`` is the number of its newest version, which ``clashes`` refer to. For a large table,
    ``rows`` are the first and those that were named, and ``shapes`` has the shape of each column of all rows."""

    layer: Layer
    rows: Rows
    titles: Texts
    newest: int
    clashes: tuple[Clash, ...] = ()
    runs: tuple[Run, ...] = ()
    may_edit: bool = False
    shapes: Mapping[str, str] | None = None


class DrawnLayers:
    """Change layers as they are drawn and edited."""

    def __init__(self, layers: Layers, library: Library, runs: Runs) -> None:
        self._layers = layers
        self._library = library
        self._runs = runs

    async def get(self, layer_id: str, caller: Caller, *, names: Sequence[str] | None = None) -> LayerView:
        """Return a layer, on the version that it is for, with its clashes with the newest version.

        With ``names``, the rows of a large table are the first and those of these names. Raises ``NotFound``,
        ``NotAllowed`` (data that cannot be read here).
        """
        layer = await self._layers.layer(layer_id)
        record = await self._library.record(layer.target, caller)
        shapes: Mapping[str, str] | None = None
        clashes: tuple[Clash, ...] = ()
        excerpt = None if names is None else await self._excerpt(layer, caller, names)
        if excerpt is not None:
            rows, shapes = excerpt.rows, excerpt.shapes
        else:
            layer_on_rows = await self._layers.lay_on(layer, caller)
            rows, clashes = layer_on_rows.before, _clashes(layer_on_rows)
        if record.version != layer.version:
            clashes = _clashes(await self._layers.lay_on(layer, caller, version=record.version))
        using = [run for run in await self._runs.newest(limit=MOST_RUNS) if layer.sha256 in run.binding.layers]
        return LayerView(
            layer=layer,
            rows=rows,
            titles=record.titles,
            newest=record.version,
            clashes=clashes,
            runs=tuple(using[:USING_SHOWN]),
            may_edit=allowed(caller, UseCase.CHANGE_LAYERS),
            shapes=shapes,
        )

    async def _excerpt(self, layer: Layer, caller: Caller, names: Sequence[str]) -> Excerpt | None:
        """Return an excerpt with the rows that ``layer`` changes, if it knows rows as the excerpt does. Such a layer
        fits its version: it was compared with all rows when it was saved, and neither has changed."""
        wished = [*names, *(operation.id for operation in layer.operations)]
        part = await self._layers.excerpt(layer.target, caller, wished, version=layer.version, file=layer.file)
        if part is None or ",".join(part.excerpt.key) != layer.key:
            return None
        return part.excerpt

    async def changeable(self, record: Record, caller: Caller) -> Sequence[str]:
        """Return the names of the files of ``record`` for which this person may draft a layer: the person's role
        allows it and this node can read the file now."""
        if not allowed(caller, UseCase.CHANGE_LAYERS):
            return ()
        return [file.name for file in record.files if await self._library.at_hand(record, file)]

    async def draft(
        self,
        target: str,
        caller: Caller,
        *,
        version: int | None = None,
        file: str | None = None,
        names: Sequence[str] | None = None,
    ) -> LayerView:
        """Return a layer for a dataset that is not stored yet: empty ``id``, ``title`` and ``operations``, the key
        detected.

        With ``names``, the rows of a large table are the first and those of these names. Raises ``NotFound``,
        ``NotAllowed``, ``InvalidInput`` (several files, or no column that names a row).
        """
        if file is None:
            record = await self._library.record(target, caller, version=version)
            drawable = [one.name for one in record.files if one.media_type.partition(";")[0] == _DRAWABLE]
            # Only data that can be drawn can be changed on a map; if there are several files, the person names one.
            file = drawable[0] if len(drawable) == 1 else None
        part = None
        if names is not None:
            part = await self._layers.begin_excerpt(target, caller, names, version=version, file=file)
        shapes: Mapping[str, str] | None = None
        if part is not None:
            record, rows, key, shapes = part.record, part.excerpt.rows, part.excerpt.key, part.excerpt.shapes
            name, number, sha256 = part.file.name, record.version, part.file.sha256
        else:
            rows, port, name, number, sha256 = await self._layers.begin(target, caller, version=version, file=file)
            record = await self._library.record(target, caller, version=version)
            key = key_of(rows, port)
        if not key:
            raise InvalidInput(
                f"the rows of {name} have no key",
                remedy="publish it with an id for each row",
                facts={"case": "no-key", "name": name},
            )
        layer = Layer(
            id="",
            title="",
            target=record.iri,
            version=number,
            file=name,
            target_sha256=sha256,
            key=",".join(key),
            author=caller.name,
            reason="",
            operations=(),
            at=record.at,
        )
        return LayerView(layer=layer, rows=rows, titles=record.titles, newest=number, may_edit=True, shapes=shapes)

    async def save(self, layer: Layer, caller: Caller, *, after: str = "") -> Layer:
        """Store a layer: a draft with operations (the node gives the id), or a new state of a layer that was read
        with the hash ``after``. The node fills in author, moment and hash.

        Raises ``Conflict`` if another person changed it meanwhile, ``InvalidInput`` if it changes nothing or does not
        fit the version that it is for, ``NotAllowed``.
        """
        body = layer_to_json(replace(layer, id=layer.id or "draft"))
        return (await self._layers.save({**body, "id": layer.id}, caller, after=after)).layer


def _clashes(version: LayeredVersion) -> tuple[Clash, ...]:
    return tuple(
        Clash(id=one.id, field=one.field, seen=one.seen, now=one.now, meant=one.meant) for one in version.conflicts
    )
