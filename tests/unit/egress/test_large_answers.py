"""A large answer is in memory once while it is read."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from node.adapters.egress.bodies import read

SIZE = 32 << 20
PIECE = 1 << 16


class _Content:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def iter_any(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), PIECE):
            yield self._body[start : start + PIECE]


class _Response:
    def __init__(self, body: bytes, encoding: str) -> None:
        self.content = _Content(body)
        self.headers = {"Content-Encoding": encoding}


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_large_answer_is_in_memory_once(encoding: str) -> None:
    body = bytes(SIZE)
    response = _Response(gzip.compress(body, 1) if encoding == "gzip" else body, encoding)
    tracemalloc.start()
    try:
        content = await read(cast("Any", response), SIZE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert content == body
    assert peak < 1.6 * SIZE
