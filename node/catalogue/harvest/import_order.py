"""The parameters of an import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrder:
    """The parameters of an import.

    ``base`` is the address of the file, for addresses relative to it. ``source`` names the source of the records;
    its default is the name of the ``dcat:Catalog``, or else ``name``, the name of the file. Without ``audience`` a
    record keeps the audience of its previous version, and a new record is public. ``rules`` are rules of repair. With
    ``check`` nothing is saved.
    """

    body: bytes
    media_type: str
    name: str = ""
    base: str = ""
    source: str = ""
    audience: str | None = None
    rules: Sequence[str] = ()
    check: bool = False
    since: datetime | None = None
