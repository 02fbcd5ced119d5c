"""Carry out transformations: a column mapping here; all other languages in the cage."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.base.errors import HansaError, InvalidInput, TooLarge, UnsupportedMediaType
from node.cage.model import Limits, SyncCage
from node.scenarios.chain.interfaces import (
    COLUMN_MAPPING,
    COORDINATES,
    FRAMING,
    LANGUAGES,
    PYTHON,
    SPARQL,
    SPARQL_UPDATE,
    SQL,
    STATEMENTS,
    UNITS,
)
from node.scenarios.model import Rows, Transformation
from node.scenarios.tables.conversions import coordinate_conversion, unit_mapping
from node.scenarios.tables.mapping import transform
from node.scenarios.tables.mapping_grammar import parse_mapping
from node.scenarios.tables.rows import canonical_json
from node.semantics.constructions import check_query, check_updates, namespace_of
from node.semantics.profiles.cage_client import OWN_GROUP

CONSTRUCT: Final = "semantics.construct"
SELECT: Final = "transformations.select"
FRAME: Final = "semantics.frame"
FUNCTION: Final = "scenarios.run_function"
READ: Final = "transformations.read"
MAP: Final = "transformations.map"
COORDINATES_TARGET: Final = "transformations.coordinates"
STATE: Final = "transformations.rml"
PARQUET: Final = "transformations.parquet"
SETTLE: Final = "transformations.settle"
WRITE: Final = "transformations.write"
PARQUET_TYPE: Final = "application/vnd.apache.parquet"
QUERY: Final = Limits(memory=1 << 30, cpu=40, wall=60.0, answer=64 << 20)
"""The limits of SPARQL over rows."""
ENGINE: Final = Limits(memory=2 << 30, cpu=40, wall=60.0, answer=64 << 20)
"""The limits of SQL over rows: address space, most of which the engine takes and does not use."""
CODE: Final = Limits(memory=512 << 20, cpu=60, wall=120.0, answer=64 << 20)
"""The limits of a function over rows."""
MOST_CODE: Final = 1 << 20
"""Bytes of the code of a function."""
_BEGINNINGS: Final[Mapping[str, str]] = {
    SPARQL: "CONSTRUCT { … } WHERE { … }",
    SPARQL_UPDATE: "DELETE { … } INSERT { … } WHERE { … }",
    SQL: "SELECT … FROM data",
    PYTHON: "def transform(rows): …",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledRows:
    """Rows in canonical form (``body``), their number and hash."""

    body: bytes
    count: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedStatements:
    """The statements that a mapping makes: N-Quads, in order; ``rows`` (JSON) are its resources. ``missing`` and
    ``further`` are the first that differ from those that were expected."""

    rows: bytes
    nquads: bytes
    missing: tuple[str, ...] = ()
    further: tuple[str, ...] = ()


class Transformer:
    """Carries out transformations. It blocks."""

    def __init__(self, cage: SyncCage) -> None:
        self._cage = cage

    def __call__(self, card: Transformation, rows: Rows) -> Rows:
        """Return the rows that ``card`` makes of ``rows``. The same rows give the same result, unless the card says
        otherwise.

        Raises ``InvalidInput`` if its definition or the rows do not allow it, ``ModelFailed`` for errors of its
        function, ``UnsupportedMediaType`` for a language that this node does not know, ``TooLarge`` and
        ``Overloaded`` beyond the limits of the cage, ``NotConfined`` if this machine cannot confine functions.
        """
        if card.language == COLUMN_MAPPING:
            return transform(card.definition, rows)
        if card.language == UNITS:
            return transform(unit_mapping(card.definition), rows)
        return _read(self._answer(card, json.dumps([dict(row) for row in rows]).encode()))

    def read(self, path: Path, media_type: str) -> bytes:
        """Return the rows of a file as JSON. Raises ``InvalidInput`` and ``TooLarge``."""
        message = {"path": str(path), "mediaType": media_type}
        return self._call(READ, message, [], ENGINE, (str(path),))[1]

    def carry(self, card: Transformation, rows: bytes) -> SettledRows:
        """Return the rows that ``card`` makes of ``rows`` (JSON), all of it in the cage. Raises as a call."""
        if card.language in (COLUMN_MAPPING, UNITS):
            message = {"definition": card.definition, "units": card.language == UNITS}
            _, body = self._call(MAP, message, [rows], ENGINE)
        else:
            body = self._answer(card, rows)
        facts, body = self._call(SETTLE, {}, [body], ENGINE)
        return SettledRows(body=body, count=int(facts["count"]), sha256=str(facts["sha256"]))

    def state(
        self, card: Transformation, body: bytes, media_type: str, *, comparison: str | None = None
    ) -> MappedStatements:
        """Return the statements that ``card``, in RML or YARRRML, makes of a file: CSV, JSON, XML or Parquet; rows as
        JSON have no media type. ``comparison`` are statements (Turtle) to compare with. Raises as a call."""
        if media_type == PARQUET_TYPE:
            with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
                file.write(body)
                file.flush()
                _, body = self._call(PARQUET, {"path": file.name}, [], ENGINE, (OWN_GROUP, file.name))
            media_type = ""
        message = {**_mapping_message(card), "mediaType": media_type, "expected": comparison}
        facts, (rows, nquads) = self._cage.call_sync(STATE, message, [body], limits=QUERY)
        return MappedStatements(
            rows=rows,
            nquads=nquads,
            missing=tuple(map(str, facts.get("missing", ()))),
            further=tuple(map(str, facts.get("further", ()))),
        )

    def write(self, rows: bytes) -> tuple[str, bytes]:
        """Return ``rows`` (JSON) as a file, and its format: GeoJSON if they have places, else CSV."""
        facts, body = self._call(WRITE, {}, [rows], ENGINE)
        return str(facts["format"]), body

    def _answer(self, card: Transformation, blob: bytes) -> bytes:
        """Return what ``card``, which is no column mapping, makes of the rows ``blob``: JSON that nobody has read."""
        if card.language == COORDINATES:
            message = coordinate_conversion(card.definition).to_json()
            return self._call(COORDINATES_TARGET, message, [blob], ENGINE)[1]
        if card.language == FRAMING:
            return self._call(FRAME, {"definition": card.definition}, [blob], QUERY)[1]
        if card.language in STATEMENTS:
            return self.state(card, blob, "").rows
        text = _text(card)
        if card.language == PYTHON:
            return self._call(FUNCTION, {"name": _file_name(card.iri)}, [text.encode(), blob], CODE)[1]
        if card.language == SQL:
            return self._call(SELECT, {"query": text}, [blob], ENGINE, (OWN_GROUP,))[1]
        return self._call(CONSTRUCT, _sparql(card, text), [blob], QUERY)[1]

    def check(self, card: Transformation) -> None:
        """Raise ``InvalidInput`` if the definition of ``card`` cannot be carried out, whatever the rows are."""
        if card.language == COLUMN_MAPPING:
            parse_mapping(card.definition)
            return
        if card.language == UNITS:
            unit_mapping(card.definition)
            return
        if card.language in (COORDINATES, FRAMING):
            self(card, [])
            return
        if card.language in STATEMENTS:
            self._cage.call_sync(STATE, _mapping_message(card), limits=QUERY)
            return
        text = _text(card)
        if card.language == PYTHON:
            if len(text.encode()) > MOST_CODE:
                raise TooLarge(f"a function may have at most {MOST_CODE >> 10} KB", remedy="write less code")
            self._cage.call_sync(FUNCTION, {"name": _file_name(card.iri)}, [text.encode()], limits=CODE)
            return
        if card.language == SPARQL:
            check_query(text)
        elif card.language == SPARQL_UPDATE:
            check_updates(text)
        self(card, [])

    def result_columns(self, card: Transformation, columns: Mapping[str, Sequence[str]]) -> frozenset[str]:
        """Return the columns that a transformation in SQL makes of rows with ``columns`` (name → types of JSON
        Schema). Raises ``InvalidInput`` if it reads others."""
        message = {"query": _text(card), "columns": {name: list(types) for name, types in columns.items()}}
        answer, _ = self._cage.call_sync(SELECT, message, limits=ENGINE, readable=(OWN_GROUP,))
        return frozenset(answer["names"])

    def is_repeatable(self, card: Transformation, rows: Rows, result: Rows) -> bool:
        """Return whether ``card`` makes ``result`` of ``rows`` once more. Only functions are asked: in the other
        languages, what could change is refused. Raises as a call."""
        if card.language != PYTHON:
            return True
        return canonical_json(self(card, rows)) == canonical_json(result)

    def _call(
        self,
        target: str,
        message: Mapping[str, Any],
        blobs: Sequence[bytes],
        limits: Limits,
        readable: Sequence[str] = (),
    ) -> tuple[dict[str, Any], bytes]:
        facts, (body,) = self._cage.call_sync(target, message, blobs, limits=limits, readable=readable)
        return facts, body


def _mapping_message(card: Transformation) -> dict[str, Any]:
    return {
        "language": card.language,
        "definition": card.definition,
        "source": namespace_of(card.sources),
        "target": namespace_of(card.targets),
    }


def _read(body: bytes) -> Rows:
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _odd() from error
    # A function runs in the process that answers: what comes back is not believed.
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _odd()
    return rows


def _file_name(iri: str) -> str:
    """Return the name of the file in sentences about the code."""
    return f"{iri.rstrip('/').rpartition('/')[2].removesuffix('.yaml') or 'transformation'}.py"


def _odd() -> HansaError:
    return InvalidInput("the transformation returns no rows", remedy="ask its owner to correct it")


def _sparql(card: Transformation, text: str) -> dict[str, Any]:
    message = {"query": text, "source": namespace_of(card.sources), "target": namespace_of(card.targets)}
    return message | ({"updates": True} if card.language == SPARQL_UPDATE else {})


def _text(card: Transformation) -> str:
    if card.language not in LANGUAGES:
        raise UnsupportedMediaType(
            f"this node cannot carry out transformations in {card.language or 'a language without a name'}",
            remedy=f"write it as {', '.join(LANGUAGES[:-1])} or {LANGUAGES[-1]}",
        )
    if not isinstance(card.definition, str):
        raise InvalidInput("the definition is no text", remedy=f"write {_BEGINNINGS[card.language]}")
    return card.definition
