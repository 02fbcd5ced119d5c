"""Parts that pages of maps and of views in 3D share: the open file that the address names, and texts for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from node.base.errors import NotFound
from node.catalogue.model import Record
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

_LONGEST_IRI: Final = 2048
_DIGITS: Final = 9


async def named_file(responder: Responder, visit: Visit) -> tuple[Record, str, str]:
    """Return the record that ``?iri=…&file=…&version=…`` names, the file, and the number of an earlier version, empty
    for the current one. Raises ``NotFound``."""
    parameters = visit.request.query_params
    iri, version = parameters.get("iri", ""), parameters.get("version", "")
    if not iri or len(iri) > _LONGEST_IRI or (version and not (version.isdecimal() and len(version) <= _DIGITS)):
        raise NotFound
    number = int(version) if version else None
    record = await responder.node.catalogue.browse.record(iri, visit.caller, version=number)
    return record, parameters.get("file", ""), version


def script_text(visit: Visit, key: str) -> str:
    """Return a text with the names of its values in braces: the script fills them in."""
    return visit.t(key, **{name: f"{{{name}}}" for name in visit.speaker.asks(key)})


def cell(value: Any) -> str:
    """Return a value as the text of a cell, empty for none."""
    return "" if value is None else str(value)
