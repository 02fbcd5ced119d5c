"""A client of one node, synchronous, for programs and for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx2

from node.base.errors import PeerUnreachable
from node.client.calls import Call, SyncSender
from node.client.endpoints import Endpoints, partial, result_of
from node.client.locate import NodeAddress
from node.client.transport import (
    PIECE,
    READY,
    Refusal,
    check,
    interruption,
    lines_of,
    parse_line,
    request_of,
    settings_of,
    silence,
)

T = TypeVar("T")


class HansaClient(Endpoints, SyncSender):
    """Sends requests to one node. Use it as a context manager, or call ``close``."""

    def __init__(self, address: NodeAddress, *, timeout: float = 60.0) -> None:
        self.address = address
        self._http = httpx2.Client(**settings_of(address, timeout))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ready(self) -> bool:
        """Return whether the node answers and is ready to work."""
        return not self.hindrance()

    def hindrance(self) -> str:
        """Return why the node is not ready, in its own words; empty if it is ready."""
        try:
            answer = self._http.request(**request_of(READY))
        except httpx2.HTTPError as error:
            return f"no answer: {type(error).__name__}"
        return "" if answer.status_code == 200 else answer.text

    def save(self, pid: str, target: Path, *, part: str = "content") -> int:
        """Write the result of a transfer (``content``, ``sealed`` or ``manifest``) to ``target``; return its size."""
        size = 0
        with self._stream(result_of(pid, part)) as answer, partial(target).open("wb") as file:
            for piece in answer.iter_bytes(PIECE):
                file.write(piece)
                size += len(piece)
        partial(target).replace(target)
        return size

    def perform(self, call: Call[T]) -> T:
        """Send the request of ``call`` and return its value. Raises ``Refusal``, ``PeerUnreachable``."""
        try:
            answer = self._http.request(**request_of(call, _pieces(call)))
        except httpx2.HTTPError as error:
            raise silence(self.address) from error
        check(answer)
        return call.read(answer)

    def perform_lines(self, call: Call[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Send the request and yield the JSON object of each line as it arrives. Raises as ``perform``."""
        with self._stream(call) as answer:
            for line in lines_of(answer.iter_bytes()):
                if line:
                    yield parse_line(line)

    @contextmanager
    def _stream(self, call: Call[Any]) -> Iterator[httpx2.Response]:
        try:
            with self._http.stream(**request_of(call, _pieces(call))) as answer:
                if answer.status_code >= 400:
                    answer.read()
                check(answer)
                yield answer
        except httpx2.HTTPError as error:
            raise interruption(self.address) from error


def _pieces(call: Call[Any]) -> Iterator[bytes] | None:
    return None if call.body is None else _read(call, call.body)


def _read(call: Call[Any], path: Path) -> Iterator[bytes]:
    position, size = 0, path.stat().st_size
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
            position += len(piece)
            if call.progress is not None:
                call.progress(position, size)


__all__ = ["HansaClient", "PeerUnreachable", "Refusal"]
