"""Applications served over real HTTP on loopback, inside the event loop of the test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn


@dataclass(frozen=True)
class Address:
    """Where a node will be: known before it is made, since its name contains the port."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def did(self) -> str:
        return f"did:web:127.0.0.1%3A{self.port}"


@asynccontextmanager
async def served(make: Callable[[Address], Any], *, connections: int = 1024) -> AsyncIterator[Any]:
    """Serve the application that ``make`` returns; ``make`` may return it beside anything else, in a tuple.

    Gives what ``make`` returned.
    """
    # asyncio only turns Nagle's algorithm off for sockets that say they are TCP.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(connections)
        result = make(Address(listener.getsockname()[1]))
        app = result[0] if isinstance(result, tuple) else result
        config = uvicorn.Config(app, log_config=None, lifespan="off", access_log=False)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        # Started and stopped by hand: the server's own loop looks for signals, and takes its time to end.
        await server.startup(sockets=[listener])
        try:
            yield result
        finally:
            for one in server.servers:
                one.close()
            for connection in list(server.server_state.connections):
                connection.shutdown()
            for task in list(server.server_state.tasks):
                task.cancel()
            await asyncio.sleep(0.005)
