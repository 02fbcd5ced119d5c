"""Description files on the terminal: the submission that a description and its data files make."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from node.base.errors import InvalidInput
from node.cli.yamls import read_description

_SHA256 = re.compile(r"[0-9a-f]{64}")
RDF = {
    ".ttl": "text/turtle",
    ".jsonld": "application/ld+json",
    ".nt": "application/n-triples",
    ".nq": "application/n-quads",
    ".trig": "application/trig",
    ".rdf": "application/rdf+xml",
    ".xml": "application/rdf+xml",
    ".owl": "application/rdf+xml",
}
OTHER_ONTOLOGIES = frozenset({".n3", ".obo", ".ofn", ".omn", ".owx"})
"""The endings of ontologies in syntaxes that are not read: Notation3, OBO, functional syntax, Manchester, OWL/XML."""


def read_submission(path: Path, attach: list[Path]) -> tuple[dict[str, Any], dict[str, int], list[Path]]:
    """Return the submission for a description file, the lines of its fields, and the data files that belong to it."""
    if path.suffix.lower() in RDF:
        document = path.read_bytes()
        try:
            text = document.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{path} is not UTF-8 text: {error}", remedy="save it as UTF-8") from error
        return {"document": text, "mediaType": RDF[path.suffix.lower()]}, {}, attach
    fields, lines = read_description(path)
    if isinstance(fields.get("files"), list):
        fields["files"] = [{"path": file} if isinstance(file, str) else file for file in fields["files"]]
    data = [
        path.parent / str(file["path"])
        for file in fields.get("files") or []
        if isinstance(file, dict) and "path" in file
    ]
    missing = [one for one in data if not one.is_file()]
    if missing:
        raise InvalidInput(
            f"{missing[0]} is named in {path} but does not exist", remedy="paths are relative to the description"
        )
    definition = fields.get("document") or fields.get("definition_file")
    submission: dict[str, Any] = {"fields": {**fields, "__lines__": lines}}
    if isinstance(definition, str):
        submission |= _attached_document(path.parent / definition)
    return submission, lines, [*data, *attach]


def code_file(path: Path, submission: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the file that ``code:`` names, and put its hash into ``submission``; None for no ``code`` or a hash."""
    fields = submission.get("fields")
    code_file_name = fields.get("code") if fields else None
    if not isinstance(code_file_name, str) or _SHA256.fullmatch(code_file_name):
        return None
    code = path.parent / code_file_name
    if not code.is_file():
        raise InvalidInput(
            f"{code} is named as the code in {path} but does not exist",
            remedy="paths are relative to the description",
        )
    facts = {**file_facts(code), "mediaType": "text/x-python"}
    submission["fields"]["code"] = {"name": facts["name"], "sha256": facts["sha256"]}
    return facts


def _attached_document(path: Path) -> dict[str, Any]:
    """Return the RDF document (an ontology) that a description points at, and that is published with it."""
    if not path.is_file():
        raise InvalidInput(
            f"{path} is named as the document but does not exist",
            remedy="correct the path in document:, which is relative to the description",
        )
    media_type = RDF.get(path.suffix.lower())
    if media_type is None:
        return {}
    return {"document": path.read_text("utf-8"), "mediaType": media_type}


def file_facts(path: Path) -> dict[str, Any]:
    """Return name, size, SHA-256 and media type of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return {
        "path": path,
        "name": path.name,
        "size": path.stat().st_size,
        "sha256": digest.hexdigest(),
        "mediaType": _MEDIA.get(path.suffix.lower())
        or mimetypes.guess_type(path.name)[0]
        or "application/octet-stream",
    }


_MEDIA = {
    ".csv": "text/csv",
    ".geojson": "application/geo+json",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".md": "text/markdown",
}


def with_description(fact: Mapping[str, Any], submission: Mapping[str, Any]) -> dict[str, Any]:
    """Return the file in the form of the API; ``open`` is taken from the description."""
    description = next(
        (
            file
            for file in (submission.get("fields") or {}).get("files") or []
            if isinstance(file, dict) and Path(str(file.get("path", ""))).name == fact["name"]
        ),
        {},
    )
    members = {name: fact[name] for name in ("name", "size", "sha256", "mediaType")}
    if description.get("open") is True:
        members["open"] = True
    return members
