"""Cursors of a search as texts, which callers give back unread and cannot make.

A cursor holds the number of a ledger entry, in most orders beside others. It is encrypted, because who may not see
the ledger does not learn its size either (decision 0017), and because a made-up place would show which numbers have
records that are hidden.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import replace
from typing import Any, Final, Protocol

from node.base.errors import InvalidInput, LocalFault
from node.base.jsons import canonical
from node.catalogue.searches import Cursor, Order, Query

_FORMAT: Final = struct.Struct(">4s8sQB")
_MARK: Final = b"find"
_OFFSET: Final = struct.Struct(">4s8sQBII")
_MARK_OF_OFFSET: Final = b"best"
"""The form for searches that are sorted by relevance, which has the number of hits up to there too."""
_LONGEST: Final = 300
MARK_LENGTH: Final = 8
_ANY_LABEL: Final = b"*"
"""At the end of a cursor that lets any label widen its pages. Else the marks of the labels follow: none in cursors of
nodes that did not widen searches yet."""
_UNBOUND: Final[dict[str, Any]] = {"language": "en", "offset": 0, "limit": 20, "cursor": ""}
"""The parts of a query that may differ between its pages."""


class SecretBox(Protocol):
    """The node's own key for secrets at rest (``node.identity.ports.KeyRing``)."""

    def wrap(self, secret: bytes, /) -> bytes: ...

    def unwrap(self, ciphertext: bytes, /) -> bytes: ...


class Cursors:
    """Writes cursors and reads them again, each for one search only."""

    def __init__(self, box: SecretBox) -> None:
        self._box = box

    def write(self, cursor: Cursor, query: Query) -> str:
        """Return ``cursor`` as a text for a further page of ``query``."""
        labels = _ANY_LABEL if cursor.labels is None else b"".join(sorted(cursor.labels))
        head = (_digest(query), cursor.place, cursor.stage)
        if query.order is Order.BEST:
            plain = _OFFSET.pack(_MARK_OF_OFFSET, *head, cursor.offset, cursor.state or 0) + labels
        else:
            plain = _FORMAT.pack(_MARK, *head) + labels
        return base64.urlsafe_b64encode(self._box.wrap(plain)).decode("ascii").rstrip("=")

    def read(self, text: str, query: Query) -> Cursor:
        """Return the cursor in ``text``. Raises ``InvalidInput`` if it is not one of ours, or of another search."""
        try:
            if len(text) > _LONGEST:
                raise ValueError("too long")
            ciphertext = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            plain = self._box.unwrap(ciphertext)
            form = _OFFSET if plain.startswith(_MARK_OF_OFFSET) else _FORMAT
            mark, digest, place, stage, *rank = form.unpack(plain[: form.size])
        except (ValueError, struct.error, LocalFault) as error:
            raise _invalid("the cursor is not one of this node") from error
        if mark not in (_MARK, _MARK_OF_OFFSET):
            raise _invalid("the cursor is not one of a search")
        if digest != _digest(query):
            raise _invalid("the cursor belongs to another search")
        labels = _labels(plain[form.size :])
        offset, state = rank or (0, None)
        return Cursor(place=place, stage=stage, labels=labels, offset=offset, state=state)


def _digest(query: Query) -> bytes:
    """Return a short hash of what a search is about."""
    about = replace(query, **_UNBOUND)
    # Facets without choices are left out where they came later: cursors of earlier releases stay valid.
    facets = {name: values for name, values in about.facets.items() if values or name != "quality"}
    members = {"text": about.text, "facets": facets, "newest": about.order is Order.NEWEST, "bbox": repr(about.bbox)}
    members["period"] = repr(about.period)
    if about.order is not Order.PUBLISHED:
        members["order"] = str(about.order)
    for name, values in (("phrases", about.phrases), ("iris", about.iris), ("identifiers", about.identifiers)):
        if values:
            members[name] = list(values)
    if not about.widens:
        members["widens"] = False
    return hashlib.sha256(canonical(members)).digest()[:8]


def _labels(plain: bytes) -> frozenset[bytes] | None:
    if plain == _ANY_LABEL:
        return None
    return frozenset(plain[at : at + MARK_LENGTH] for at in range(0, len(plain), MARK_LENGTH))


def _invalid(detail: str) -> InvalidInput:
    return InvalidInput(
        detail,
        remedy="use the cursor of the answer before, with the same search; or begin again without it",
        facts={"case": "cursor"},
    )
