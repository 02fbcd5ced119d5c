"""The assets that this node can deliver under an agreement, according to its data planes.

A party that signs an agreement must get the asset. An asset with its bytes behind a URL, in a service or with a
broker can be described here, but no data plane of this node delivers it under conditions. Such an asset is not
offered in the Dataspace Protocol's catalogue and not negotiated, and publishing it under conditions is refused. It
may still be published if it is free for everybody: its description gives its address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from node.catalogue.access import AccessCode, access_code_of
from node.catalogue.findings import CATALOGUE, finding
from node.catalogue.model import Record
from node.catalogue.statements import Statements
from node.policy.odrl import parse
from node.policy.portion import TABLE_LIMITS, WHOLE, Portion, may_limit, portion_of
from node.semantics.model import File, Finding
from node.semantics.profiles.graph_queries_client import is_graph_file
from node.semantics.profiles.table_queries_client import ENDINGS_OF_LAYERS, LAYERS, TABLES, TablePart
from node.vocab.dsp import EXECUTE, GRAPH_QUERY, LIVE, PULL, PUSH, QUERY
from node.vocab.namespaces import HANSA_MODEL

NOT_DELIVERABLE: Final = "not-deliverable"
"""The code that ends a negotiation about an asset that this node cannot deliver."""

WHY: Final = "this node describes the asset and has no bytes of it and no model to run: it cannot deliver it"


class DeliveryPlane(Protocol):
    """A data plane of this node, as the catalogue sees it."""

    def formats(self, record: Record) -> Sequence[str]:
        """Return the transfer formats for delivering ``record`` under an agreement; empty if it cannot deliver."""


class RunsModels:
    """The data plane for models that run: with their code on this node, or at an end point that this node calls."""

    def formats(self, record: Record) -> Sequence[str]:
        return (EXECUTE,) if runnable(record) else ()


class StoredFiles:
    """The data plane for files that this node stores. They are pulled or pushed; files of a model are only pulled.

    A file leaves whole, so none leaves where the offer gives a part, unless it is made anew on the way.
    """

    def formats(self, record: Record) -> Sequence[str]:
        portion = offered_portion(record)
        if not stored_files(record) or not (portion.is_whole or _makes_parts(record, portion)):
            return ()
        return (PULL,) if record.kind == "model" else (PULL, PUSH)


class LiveFiles:
    """The data plane for files in data sources: read at an address of this node, as often as needed. Connectors that
    do not know the format pull from the same address."""

    def formats(self, record: Record) -> Sequence[str]:
        # What moves cannot be sealed once: its bytes are not known when the transfer starts.
        return (LIVE, PULL) if live_files(record) and not record.sealed else ()


class AskedTables:
    """The data plane for tables that this node stores: they are asked in SQL, also where the offer gives a part."""

    def formats(self, record: Record) -> Sequence[str]:
        # An answer is not known when the transfer starts, so it cannot be sealed.
        is_kept = offered_portion(record).kinds <= TABLE_LIMITS
        return (QUERY,) if table_files(record) and is_kept and not record.sealed else ()


class AskedGraphs:
    """The data plane for RDF files that this node stores: they are asked in SPARQL, as a whole.

    A part in rows, columns or a box means nothing for statements.
    """

    def formats(self, record: Record) -> Sequence[str]:
        may_leave = offered_portion(record).is_whole and not record.sealed
        return (GRAPH_QUERY,) if graph_files(record) and may_leave else ()


class DeliveryPlanes:
    """All data planes of a node."""

    def __init__(self, delivery_planes: Sequence[DeliveryPlane]) -> None:
        self._delivery_planes = tuple(delivery_planes)

    def formats(self, record: Record) -> tuple[str, ...]:
        """Return the transfer formats of ``record``, each once; empty if no data plane delivers it."""
        forms = (form for delivery_plane in self._delivery_planes for form in delivery_plane.formats(record))
        return tuple(dict.fromkeys(forms))

    def deliver(self, record: Record) -> bool:
        """Return whether any data plane delivers ``record`` under an agreement."""
        return any(delivery_plane.formats(record) for delivery_plane in self._delivery_planes)

    def breaks_promise(self, record: Record) -> bool:
        """Return whether ``record`` is offered under conditions and cannot be delivered under them.

        For an asset that is free for everybody, this node promises no delivery.
        """
        if record.withdrawn or record.offer is None or self.deliver(record):
            return False
        return access_code_of(record) is not AccessCode.OPEN

    def findings(self, record: Record) -> tuple[Finding, ...]:
        """Return a violation if publishing ``record`` would offer an asset that cannot be delivered."""
        if not self.breaks_promise(record):
            return ()
        return (
            finding(
                "conditions:not-deliverable",
                CATALOGUE.in_all("not-deliverable.message"),
                why=CATALOGUE.in_all("not-deliverable.why"),
                remedy=CATALOGUE.in_all("not-deliverable.remedy"),
                field="conditions",
                severity="violation",
            ),
        )


def runnable(record: Record) -> bool:
    """Return whether a record describes a model that its node can run: with code, or with an end point to call."""
    if record.kind != "model":
        return False
    stated = Statements(record)
    return any(stated.own(f"{HANSA_MODEL}{name}") for name in ("codeSha256", "endpoint"))


def stored_files(record: Record) -> tuple[File, ...]:
    """Return the files of ``record`` that its node stores, in the order of the description."""
    return tuple(file for file in record.files if file.source is None and not file.is_live)


def live_files(record: Record) -> tuple[File, ...]:
    """Return the files of ``record`` that its node reads from data sources, in the order of the description."""
    return tuple(file for file in record.files if file.is_live and file.source is not None)


def table_files(record: Record) -> tuple[File, ...]:
    """Return the stored files of ``record`` that can be asked in SQL, in the order of the description."""
    if record.kind == "model":
        return ()
    return tuple(file for file in stored_files(record) if _is_table(file))


def graph_files(record: Record) -> tuple[File, ...]:
    """Return the stored files of a dataset that can be asked in SPARQL, in the order of the description."""
    if record.kind != "dataset":
        return ()
    return tuple(file for file in stored_files(record) if is_graph_file(file.name, file.media_type))


def is_text_or_parquet(file: File) -> bool:
    """Return whether a file is a table of text or Parquet, by its media type."""
    return _media_type(file) in TABLES


def _is_table(file: File) -> bool:
    is_layer = _media_type(file) in LAYERS or file.name.lower().endswith(ENDINGS_OF_LAYERS)
    return is_text_or_parquet(file) or is_layer


def _media_type(file: File) -> str:
    return file.media_type.partition(";")[0].strip().lower()


def _makes_parts(record: Record, portion: Portion) -> bool:
    """Return whether a file with only this part of the data is made on the way to a consumer."""
    return portion.kinds <= TABLE_LIMITS and any(file.formats for file in table_files(record))


def offered_portion(record: Record) -> Portion:
    """Return the part of the data that the offer of ``record`` gives."""
    return portion_of(parse(record.offer)) if record.offer is not None and may_limit(record.offer) else WHOLE


NO_CONVERSIONS: Final[Mapping[str, Sequence[str]]] = {"formats": (), "systems": (), "through": ()}


def conversions_of(record: Record) -> Mapping[str, Sequence[str]]:
    """Return the ``formats`` in which files of ``record`` are given beside their own, the ``systems``, and the
    transformations ``through`` which they are given, those of all files together."""
    return {
        "formats": sorted({form for file in record.files for form in file.formats}),
        "systems": sorted({system for file in record.files for system in file.systems}),
        "through": sorted({iri for file in record.files for iri in file.through}),
    }


def table_part(portion: Portion) -> TablePart:
    """Return ``portion`` as the part of a table that questions are about."""
    return TablePart(
        portion.columns,
        tuple((row.column, row.operator, row.value) for row in portion.rows),
        tuple(concealment.text for concealment in portion.forms),
        portion.group.text if portion.group is not None else "",
        portion.key,
    )


OWN: Final = DeliveryPlanes((RunsModels(), StoredFiles(), LiveFiles(), AskedTables(), AskedGraphs()))
"""The data planes that come with Hansa."""
