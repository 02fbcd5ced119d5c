"""Records for tests, made from what stewards write by the pipeline that publishes them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

import demo
from node.catalogue.model import Record
from node.semantics.model import CheckedDescription, File, Submission
from tests.unit.semantics.descriptions import ME, described, refusals

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
_CODE = re.compile(r"^code: (\w+\.py)$", re.MULTILINE)
DEMO = Path(demo.__file__).parent / "files"


async def record(text: str, *files: File, version: int = 1, **options: Any) -> Record:
    """The record of YAML ``text``; a description with violations fails the test."""
    description = await described(Submission(fields=dict(yaml.safe_load(text)), files=files), **options)
    assert not refusals(description), refusals(description)
    return record_of(description, version=version)


def record_of(description: CheckedDescription, *, version: int = 1) -> Record:
    """The record that this node publishes from a description."""
    return Record(
        iri=description.iri,
        version=version,
        kind=description.kind,
        audience="public",
        titles=description.titles,
        descriptions=description.descriptions,
        publisher=description.publisher,
        publisher_name=description.publisher_name,
        origin=ME,
        nquads=description.nquads,
        sha256=description.sha256,
        at=NOW,
        by="els",
        files=description.files,
        extra=description.extra or {},
    )


async def of_demo(name: str, *files: File, **options: Any) -> Record:
    """The record of a file of the demonstration, such as ``gent/traffic-model.yaml``."""
    path = DEMO / name
    text = path.read_text("utf-8")
    for city in ("gent", "plzen"):
        text = text.replace("{" + city + "}", f"https://data.{city}.example")
    return await record(_CODE.sub(lambda found: f"code: {_sha256(path.parent / found[1])}", text), *files, **options)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def with_statements(original: Record, *lines: str) -> Record:
    """The record with N-Quads added."""
    nquads = sorted({*original.nquads.decode().splitlines(), *lines})
    return replace(original, nquads="".join(f"{one}\n" for one in nquads).encode())
