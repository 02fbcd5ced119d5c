"""Results of executions as answers: raw and as documents, streamed from the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from node.exchange.ports import AssetStore
from node.scenarios.models.requests import DOCUMENT, as_json
from node.scenarios.models.result_files import Piece, StoredResult, contents_of, length

PRIVATE: Final = {"Cache-Control": "private, no-store", "Vary": "Authorization, Cookie"}
_JSON: Final = "application/json"
_BOUNDARY: Final = "output-of-a-process"
_NOTHING: Final = b"[]"


def compose(assets: AssetStore, result: StoredResult, roles: tuple[str, ...] | None, response: str) -> Response:
    """Return the results in the requested form (OGC 18-062r2 §7.11.4): the chosen outputs, raw or as one document."""
    outputs = {role: piece for role, piece in result.outputs.items() if roles is None or role in roles}
    if response == DOCUMENT:
        members = dict(outputs)
        if result.caveats != _NOTHING and "caveats" not in members:
            members["caveats"] = result.caveats
        pieces: list[Piece] = [b"{"]
        for number, (name, piece) in enumerate(sorted(members.items())):
            pieces += [b"%s%s:" % (b"," if number else b"", as_json(name)), piece]
        return stream(assets, result, [*pieces, b"}"])
    if len(outputs) == 1:
        return stream(assets, result, list(outputs.values()))
    if not outputs:
        return Response(status_code=204, headers=PRIVATE)
    parts: list[Piece] = []
    for role, piece in outputs.items():
        head = b"--%s\r\nContent-Type: %s\r\nContent-ID: <%s>\r\n\r\n"
        parts += [head % (_BOUNDARY.encode(), _JSON.encode(), quote(role).encode()), piece, b"\r\n"]
    parts.append(b"--%s--\r\n" % _BOUNDARY.encode())
    return stream(assets, result, parts, kind=f'multipart/related; boundary="{_BOUNDARY}"')


def stream(assets: AssetStore, result: StoredResult, pieces: Sequence[Piece], *, kind: str = _JSON) -> Response:
    """Return an answer with the pieces of a result, one after the other."""
    headers = {**PRIVATE, "Content-Type": kind, "Content-Length": str(length(pieces))}
    return StreamingResponse(contents_of(assets, result.sha256, pieces), headers=headers)
