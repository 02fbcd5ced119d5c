"""The content that a transfer opens: a file as it is stored, or in the format that the consumer asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.base.errors import Gone, HansaError, NotFound
from node.base.plaintext import word
from node.base.work import Transaction
from node.catalogue.deliverability import graph_files, live_files, runnable, stored_files, table_files, table_part
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.catalogue.statements import Statements
from node.exchange.ports import AssetStore
from node.negotiation.model import Agreement
from node.policy.odrl import parse
from node.policy.portion import TABLE_LIMITS, Portion, portion_of
from node.semantics.conversions import Wish
from node.semantics.model import File
from node.transfer.agreed_versions import VERSION_GONE, deliverable_version
from node.transfer.conversions.model import Conversion, ConversionStore, Order
from node.transfer.conversions.steps import OfferedSteps
from node.transfer.model import Transfer
from node.transfer.preconditions import Secrets, demands_sealing, keyed_portion
from node.vocab.dsp import ASKED, EXECUTE, GRAPH_QUERY, LIVE, PUSH, QUERY
from node.vocab.namespaces import DCT

NOT_OFFERED: Final = "format-not-offered"
ROWS: Final = "csv"
"""The format in which the rows of a transformation are always given."""
_CRS_NUMBER: Final = "/def/crs/EPSG/"


@dataclass(frozen=True, slots=True)
class Shut:
    """The reason why no access can be opened."""

    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Unmade:
    """The content has to be made first."""

    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The thing that an access opens: a ``file`` of ``record`` (None: the execution of a model), sealed for
    ``seal_key``, and the ``conversion`` that made it."""

    record: Record
    file: File | None = None
    seal_key: bytes | None = None
    conversion: Conversion | None = None


class Contents:
    """Finds the content of transfers."""

    def __init__(
        self,
        *,
        records: RecordStore,
        conversions: ConversionStore,
        assets: AssetStore,
        secrets: Secrets,
        steps: OfferedSteps,
    ) -> None:
        """``secrets`` makes the key of pseudonyms."""
        self._records = records
        self._conversions = conversions
        self._assets = assets
        self._secrets = secrets
        self._steps = steps

    def find(self, tx: Transaction, transfer: Transfer, agreement: Agreement | None) -> Content | Shut | Unmade:
        """Return what the transfer opens, or why it opens nothing."""
        head = self._records.get(tx, transfer.dataset)
        if agreement is None or agreement.ended is not None or head is None or head.withdrawn:
            return Shut("not-available", "the asset or the agreement is no longer available")
        try:
            record = deliverable_version(tx, self._records, agreement, head, transfer.asset_version)
        except NotFound as error:
            return Shut("version-not-available", error.detail)
        except Gone as error:
            return Shut(VERSION_GONE, error.detail)
        if record is not head and transfer.format in (EXECUTE, LIVE):
            return Shut(NOT_OFFERED, "only stored files have earlier versions")
        if transfer.wish and transfer.format in (EXECUTE, LIVE, *ASKED):
            return Shut(NOT_OFFERED, "only stored files are converted to other formats")
        if transfer.format == EXECUTE:
            if not runnable(record):
                why = f"{record.title()} cannot be run here: it is not a model with code or an endpoint"
                return Shut(NOT_OFFERED, why)
            return Content(record=record)
        return self._file(tx, transfer, agreement, record, head)

    def _file(
        self, tx: Transaction, transfer: Transfer, agreement: Agreement, record: Record, head: Record
    ) -> Content | Shut | Unmade:
        files = _offered_files(record, transfer.format)
        if not files and record.kind == "model":
            why = f"{record.title()} has no file to fetch: it can only be called, with the format {EXECUTE}"
            return Shut(NOT_OFFERED, why)
        if not files and transfer.format == QUERY:
            why = f"{record.title()} has no table that can be asked, such as a CSV or a GeoPackage"
            return Shut(NOT_OFFERED, why)
        if not files and transfer.format == GRAPH_QUERY:
            why = f"{record.title()} has no RDF file that can be asked, such as Turtle or JSON-LD"
            return Shut(NOT_OFFERED, why)
        if record is not head or transfer.wish:
            # A data source is read as it is now.
            files = tuple(file for file in files if not file.is_live)
        file = _requested_file(files, transfer.file)
        if file is None:
            return Shut("not-available", "the asset or the agreement is no longer available")
        needs_seal = demands_sealing(head, agreement) or record.sealed
        why = _mismatch(transfer, agreement, file, record, needs_seal=needs_seal)
        if why:
            return Shut(NOT_OFFERED, why)
        seal_key = bytes.fromhex(transfer.seal_key) if needs_seal and transfer.seal_key else None
        if needs_seal and seal_key is None:
            why = "delivery must be sealed, and the consumer's DID document names no X25519 key under keyAgreement"
            return Shut("no-seal-key", why)
        if not transfer.wish:
            return Content(record=record, file=file, seal_key=seal_key)
        try:
            wish = Wish.read(transfer.wish)
            steps = self._steps.find(tx, wish, file, record)
        except HansaError as error:
            return Shut(NOT_OFFERED, "; ".join(text for text in (error.detail, error.remedy) if text))
        portion = keyed_portion(agreement, self._secrets)
        order = Order(
            sha256=file.sha256,
            name=file.name,
            wish=wish,
            part=table_part(portion),
            stated_crs=stated_crs(record),
            steps=steps,
        )
        conversion = self._conversions.get(tx, order.key)
        if conversion is None or not self._assets.has(conversion.sha256):
            return Unmade(order)
        self._assets.renew(conversion.sha256)
        converted = conversion.file_of(file)
        return Content(record=record, file=converted, seal_key=seal_key, conversion=conversion)


def _mismatch(transfer: Transfer, agreement: Agreement, file: File, record: Record, *, needs_seal: bool) -> str:
    """Return why ``file`` cannot be given in the format of the transfer; empty if it can."""
    portion = portion_of(parse(agreement.body))
    if transfer.format in ASKED and needs_seal:
        return "delivery must be sealed, and answers to questions cannot be"
    if transfer.format == GRAPH_QUERY:
        return "" if portion.is_whole else "the agreement gives a part of the data, and a graph is only asked whole"
    if transfer.format == QUERY:
        return (
            ""
            if portion.kinds <= TABLE_LIMITS
            else "the agreement gives a box, and a stored table cannot be cut by it"
        )
    if needs_seal and file.is_live:
        return "delivery must be sealed, and live data cannot be"
    cuttable = portion.is_whole or (file in table_files(record) and portion.kinds <= TABLE_LIMITS)
    if transfer.wish:
        return _refusal_of(Wish.read(transfer.wish), file, portion, cuttable=cuttable)
    if file.is_live or portion.is_whole:
        return ""
    refusal = "the agreement gives a part of the data, and a stored file leaves whole"
    if not cuttable:
        return refusal
    ways = f"ask the part instead, with the format {QUERY}: hansa query {word(record.iri)} SQL"
    if file.formats:
        forms = " or ".join(file.formats)
        ways += f"; or get it as {forms}: hansa get {word(record.iri)} --format {word(file.formats[0])}"
    return f"{refusal}; {ways}"


def _refusal_of(wish: Wish, file: File, portion: Portion, *, cuttable: bool) -> str:
    """Return why the publisher does not give ``file`` as the consumer wishes; empty if it does."""
    if wish.format not in file.formats and not (wish.is_transformed and wish.format == ROWS):
        others = f"as it is or as {', '.join(file.formats)}" if file.formats else "only as it is"
        return f"the publisher gives {file.name} {others}, and not as {wish.format}"
    if wish.crs and wish.crs not in file.systems:
        # GeoJSON has no other.
        if wish.format == "geojson":
            return ""
        others = f"its own or {', '.join(file.systems)}" if file.systems else "its own"
        return f"the publisher gives {file.name} in {others}, and not in {wish.crs}"
    if not cuttable:
        limit = "a box" if "boxes" in portion.kinds else "a part"
        return f"the agreement gives {limit}, and {file.name} cannot be cut by it"
    return ""


def stated_crs(record: Record) -> str:
    """Return the one coordinate reference system that a description states, as ``EPSG:31370``; else empty."""
    systems = {iri for iri in Statements(record).own(f"{DCT}conformsTo") if _CRS_NUMBER in str(iri)}
    numbers = {str(iri).rstrip("/").rpartition("/")[2] for iri in systems}
    return f"EPSG:{numbers.pop()}" if len(numbers) == 1 else ""


def _offered_files(record: Record, format: str) -> tuple[File, ...]:  # noqa: A002 - the protocol's name
    """Return the files of ``record`` that a transfer of this format may open."""
    if format == LIVE:
        return live_files(record)
    if format == QUERY:
        return table_files(record)
    if format == GRAPH_QUERY:
        return graph_files(record)
    return stored_files(record) if format == PUSH else (*stored_files(record), *live_files(record))


def _requested_file(files: Sequence[File], name: str | None) -> File | None:
    """Return the file of a transfer: the one named, else the first that is not open to everybody anyway."""
    if name is not None:
        return next((file for file in files if file.name == name), None)
    restricted = [file for file in files if not file.open]
    return next(iter(restricted or files), None)
