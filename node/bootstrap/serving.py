"""Running a node: the server with its worker, or a worker alone."""

from __future__ import annotations

import asyncio
import signal

from node.base.errors import LocalFault
from node.settings import Settings

GRACE = 10


def run_server(settings: Settings, *, with_worker: bool = True) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit status."""
    import uvicorn

    from node.bootstrap.application import application
    from node.bootstrap.build import build
    from node.bootstrap.connections import BoundedConnection, room_for_connections
    from node.bootstrap.logs import configure

    configure(settings.log_level, settings.log_format)
    BoundedConnection.most = room_for_connections()
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
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=75,
        ssl_certfile=str(settings.tls_certificate) if settings.tls_certificate else None,
        ssl_keyfile=str(settings.tls_key) if settings.tls_key else None,
        lifespan="on",
    )
    server = uvicorn.Server(config)
    server.run()
    if not server.started:
        raise LocalFault(
            f"the node could not be started on {settings.host}:{settings.port}",
            remedy="is something else listening there? hansa doctor tells",
        )
    return 0


def run_worker(settings: Settings) -> int:
    """Work until SIGTERM or Ctrl-C, without serving requests."""
    import uvloop

    from node.bootstrap.logs import configure

    configure(settings.log_level, settings.log_format)
    return uvloop.run(_work(settings))


async def _work(settings: Settings) -> int:
    from node.bootstrap.build import build

    node = build(settings)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await node.start()
    try:
        await ended.wait()
    finally:
        await node.stop()
    return 0
