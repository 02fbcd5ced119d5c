"""Run a node: the server with its worker, or a worker alone."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import math
import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

from node.base.errors import LocalFault
from node.base.heap import limit_arenas
from node.base.lockfile import SERVING_LOCK
from node.settings import Settings

if TYPE_CHECKING:
    from node.bootstrap.node import HansaNode

log = logging.getLogger("hansa.serving")

LONGEST_END: Final = 25
"""Seconds after the signal to end until the process is killed, even if something hangs: less than the time after
which its supervisor kills it (``stop_grace_period`` in docker/). A crash loses nothing that was acknowledged."""

YOUNG: Final = 10_000
"""New objects after which the interpreter looks for circles among them. With its own 700, nearly all of them belong
to a page or a message that is still being read: looking at them took a tenth of a follower's time."""


def run_server(settings: Settings, *, with_worker: bool = True) -> int:
    """Serve until SIGTERM or Ctrl-C, and return the exit status."""
    # Nothing that is loaded and built here becomes garbage, and collecting takes a tenth of the start.
    gc.disable()
    import uvicorn

    from node.base.logs import configure
    from node.bootstrap.application import application
    from node.bootstrap.build import build
    from node.web.connections import BoundedConnection, Exemptions, room_for_connections

    os.umask(0o077)
    limit_arenas()
    configure(settings.log_level, settings.log_format)
    holding = own(settings)
    BoundedConnection.most = room_for_connections()
    BoundedConnection.most_per_address = settings.connections_per_address
    BoundedConnection.passes = Exemptions(settings.trusted_proxies)
    node = build(settings, with_worker=with_worker)
    config = uvicorn.Config(
        application(node),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=BoundedConnection,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.ending_seconds),
        timeout_keep_alive=75,
        ssl_certfile=str(settings.tls_certificate) if settings.tls_certificate else None,
        ssl_keyfile=str(settings.tls_key) if settings.tls_key else None,
        lifespan="on",
    )
    server = _server(config, node)
    # After finishing its work, the server raises the signal that ended it once more. SIGTERM is the operator's wish,
    # not a failure, so this handler takes it. Ctrl-C keeps its meaning for the terminal.
    signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
    gc.freeze()
    gc.set_threshold(YOUNG)
    gc.enable()
    server.run()
    os.close(holding)
    if not server.started:
        raise LocalFault(
            f"the node could not be started on {settings.host}:{settings.port}",
            remedy="check whether another program uses this port: hansa doctor",
        )
    return 0


def _server(config: Any, node: HansaNode) -> Any:
    import uvicorn

    class Server(uvicorn.Server):
        """A server that notifies the worker at once of the end, while open requests are still being answered."""

        _loop: asyncio.AbstractEventLoop | None = None

        async def startup(self, sockets: Any = None) -> None:
            self._loop = asyncio.get_running_loop()
            await super().startup(sockets=sockets)

        def handle_exit(self, sig: int, frame: Any) -> None:
            if not self.should_exit:
                _end_at_the_latest()
                if self._loop is not None:
                    self._loop.call_soon_threadsafe(node.wind_down)
            super().handle_exit(sig, frame)

    return Server(config)


def _end_at_the_latest() -> None:
    """Kill the process after ``LONGEST_END`` seconds."""

    def end() -> None:
        log.critical("this process does not stop by itself and is ended")
        os._exit(1)

    last = threading.Timer(LONGEST_END, end)
    last.daemon = True
    last.start()


def own(settings: Settings) -> int:
    """Lock the data folder for this process, because the graph store and the search index admit only one process.
    Return the file descriptor of the lock.

    Raises ``LocalFault`` if another process serves from it. The kernel releases the lock when its process ends.
    """
    descriptor = os.open(settings.folder / SERVING_LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise LocalFault(
            f"the node in {settings.folder} is running already",
            remedy="use the running one; another server of the same node needs its own data folder",
        ) from error
    return descriptor


def run_worker(settings: Settings) -> int:
    """Work until SIGTERM or Ctrl-C, without serving requests."""
    import uvloop

    from node.base.logs import configure

    os.umask(0o077)
    limit_arenas()
    configure(settings.log_level, settings.log_format)
    return uvloop.run(_work(settings))


async def _work(settings: Settings) -> int:
    from node.bootstrap.build import build

    node = build(settings, with_views=False)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await node.start()
    try:
        await stop.wait()
        _end_at_the_latest()
    finally:
        await node.stop()
    return 0
