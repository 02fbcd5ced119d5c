"""Callers who walk through all results of a search at once, again and again, in a process of their own.

``python -m tests.bench.walkers URL COUNT`` with the token in ``HANSA_TOKEN`` walks until it is ended, and prints a
line once every walker has a page.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from node.client import locate

FIRST = "/api/catalogue/search?sort=published&limit=100"


async def _walk(client: httpx2.AsyncClient, begun: asyncio.Barrier) -> None:
    address = FIRST
    first = True
    while True:
        answer = await client.get(address)
        if first:
            await begun.wait()
            first = False
        address = answer.raise_for_status().json()["next"] or FIRST


async def _walk_together(url: str, count: int, token: str) -> None:
    begun = asyncio.Barrier(count + 1)
    bounds = httpx2.Limits(max_connections=count)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(base_url=url, headers=headers, limits=bounds, timeout=120, trust_env=False) as client,
        asyncio.TaskGroup() as walkers,
    ):
        for _ in range(count):
            walkers.create_task(_walk(client, begun))
        await begun.wait()
        print("walking", flush=True)


@contextmanager
def walking(folder: str, count: int) -> Iterator[None]:
    """So many callers walk through the results of the node in ``folder``."""
    address = locate(folder)
    walkers = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.walkers", address.url, str(count)],
        env={**os.environ, "HANSA_TOKEN": str(address.token)},
        stdout=subprocess.PIPE,
    )
    try:
        assert walkers.stdout is not None
        if not walkers.stdout.readline():
            raise RuntimeError("the walkers have ended")
        yield
        if walkers.poll() is not None:
            raise RuntimeError("the walkers have ended")
    finally:
        walkers.terminate()
        walkers.wait(10)


if __name__ == "__main__":
    asyncio.run(_walk_together(sys.argv[1], int(sys.argv[2]), os.environ["HANSA_TOKEN"]))
