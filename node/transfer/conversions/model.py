"""A file that was made of another one for a consumer, and what it was made of."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from node.base.jsons import canonical
from node.base.work import Transaction
from node.semantics.conversions import Wish
from node.semantics.model import File
from node.semantics.profiles.table_queries_client import TablePart
from node.transfer.conversions.steps import PinnedStep

CONVERT_TOPIC: Final = "convert"
MAKER: Final = 1
"""The number of the way in which conversions are made: with another one, nothing that was made before is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A file to be made: of which file (``sha256``, ``name``), of which part of it, in which format.

    ``stated_crs`` is the coordinate reference system that the description states, for files that name none. ``steps``
    are the transformations that the part goes through before.
    """

    sha256: str
    name: str
    wish: Wish
    part: TablePart
    stated_crs: str = ""
    steps: tuple[PinnedStep, ...] = ()

    @property
    def key(self) -> str:
        """Return what tells this order from all others; nobody can learn the key of pseudonyms from it."""
        part = self.part
        content = [self.sha256, self.name, self.wish.text, self.stated_crs, list(part.columns or ()), list(part.rows)]
        whole = [*content, part.columns is None, list(part.forms), part.group, part.key.hex(), MAKER]
        if self.steps:
            whole.append([[step.iri, str(step.version), step.sha256] for step in self.steps])
        return hashlib.sha256(canonical(whole)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """A file that was made for an order (``key``); the bytes stay about a day after their last use.

    ``facts`` are what a consumer is told: see ``facts_of``.
    """

    key: str
    sha256: str
    size: int
    name: str
    media_type: str
    facts: dict[str, Any]
    at: datetime

    def file_of(self, source: File) -> File:
        """Return the file that leaves instead of ``source``."""
        return File(name=self.name, media_type=self.media_type, size=self.size, sha256=self.sha256, open=source.open)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The result of a conversion: stored bytes, and the report of the process that made them."""

    sha256: str
    size: int
    report: dict[str, Any]


Convert = Callable[[Order], Awaitable[Product]]
"""Makes a file and stores it. Raises ``InvalidInput`` for data of which it cannot be made, ``TooLarge``,
``Overloaded`` and ``LocalFault``."""


class ConversionStore(Protocol):
    """Files that were made, by the key of their order."""

    def put(self, tx: Transaction, conversion: Conversion) -> None: ...

    def get(self, tx: Transaction, key: str) -> Conversion | None: ...

    def since(self, tx: Transaction, moment: datetime) -> Sequence[Conversion]:
        """Return what was made since ``moment``."""

    def forget(self, tx: Transaction, before: datetime) -> None:
        """Delete what was made before, and not used since."""


def facts_of(order: Order, product: Product, *, is_part: bool) -> dict[str, Any]:
    """Return what a consumer is told about a conversion: what was asked for, of which file it was made, by which
    programs, what it loses, which columns have another form, as the agreement writes it, and ``steps``, the
    transformations with the number and the hash of the rows after each."""
    forms = {"concealed": list(order.part.forms), "smallestGroup": order.part.group}
    return {
        "to": order.wish.text,
        "source": {"name": order.name, "sha256": order.sha256},
        "part": is_part,
        **{name: value for name, value in forms.items() if value},
        **{name: product.report[name] for name in ("rows", "crs", "losses", "tools")},
        **({"steps": product.report["steps"]} if order.steps else {}),
    }
