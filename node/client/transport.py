"""The parts of a connection with a node that both clients share: headers, errors, pieces of files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import httpx2

from node.base.errors import HansaError, PeerUnreachable
from node.base.plaintext import word
from node.client.calls import Call
from node.client.locate import NodeAddress, trust_of

PIECE: Final = 1 << 20
CONNECTIONS: Final = 64
"""The connections that an asynchronous client opens at the same time; further requests wait for one."""

LONGEST_LINE: Final = 64 << 20
"""Bytes of the longest line that is taken."""

READY: Final = Call("GET", "/ready", lambda answer: str(answer.text), {"timeout": 2})


class Refusal(HansaError):
    """The node refused the request. ``problem`` is its RFC 9457 document."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(
            str(problem.get("detail") or problem.get("title") or f"the node answered {status}"),
            remedy=str(problem.get("remedy") or ""),
            facts=dict(problem),
        )
        self.http_status = status
        self.problem = dict(problem)


def settings_of(address: NodeAddress, timeout: float) -> dict[str, Any]:
    """Return the settings of an HTTP client for the node at ``address``."""
    headers = {"User-Agent": "hansa-client"}
    if address.token:
        headers["Authorization"] = f"Bearer {address.token}"
    return {
        "base_url": address.url,
        "headers": headers,
        "timeout": timeout,
        "trust_env": False,
        "verify": trust_of(address),
    }


def request_of(call: Call[Any], body: Any = None) -> dict[str, Any]:
    """Return the arguments of an HTTP client for ``call``. ``body`` yields the pieces of the file that it sends."""
    options = {**call.options, "params": dict(call.options.get("params") or {})}
    return {"method": call.method, "url": call.url, **options, **({} if body is None else {"content": body})}


def check(answer: httpx2.Response) -> None:
    """Raise ``Refusal`` for the answer to a refused request. Its body has been read."""
    if answer.status_code < 400:
        return
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    raise Refusal(answer.status_code, problem if isinstance(problem, dict) else {})


def silence(address: NodeAddress) -> PeerUnreachable:
    """Return the error for a node that does not answer."""
    folder = "" if address.folder is None else word(address.folder)
    return PeerUnreachable(
        f"the node at {address.url} does not answer", remedy="is it running? hansa serve " + folder
    )


def interruption(address: NodeAddress) -> PeerUnreachable:
    """Return the error for a connection that breaks while the answer arrives."""
    return PeerUnreachable(f"the connection with the node at {address.url} broke", remedy="do the same again")


def parse_line(text: str) -> dict[str, Any]:
    """Return a line of an answer, which is a JSON object."""
    return dict(json.loads(text))


class Lines:
    """Puts the pieces of an answer together to lines. A line ends with a line feed alone: JSON may contain the other
    separators of text (U+2028, U+0085) as they are, and there a reader of text would break it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[str]:
        """Return the lines that end in the next piece of the answer, without their ends. Raises ``PeerUnreachable``
        for a line that is too long."""
        *ends, rest = piece.split(b"\n")
        lines = [self._line(end) for end in ends]
        if rest:
            self._pieces.append(rest)
            self._size += len(rest)
        if self._size > LONGEST_LINE:
            raise PeerUnreachable(f"the answer has a line of more than {LONGEST_LINE >> 20} MB")
        return lines

    def last(self) -> list[str]:
        """Return what came after the last end of a line."""
        return [self._line(b"")] if self._pieces else []

    def _line(self, end: bytes) -> str:
        line = b"".join((*self._pieces, end)).removesuffix(b"\r")
        self._pieces, self._size = [], 0
        return line.decode(errors="replace")


def lines_of(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of an answer that comes in pieces. Raises as ``Lines.feed``."""
    lines = Lines()
    for piece in pieces:
        yield from lines.feed(piece)
    yield from lines.last()
