"""Baselines of the same run: what the same machine does for a bare server, a bare exchange, a bare check.

``python -m tests.bench.floor PORT DATABASE`` is a bare FastAPI application with a durable echo.
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, Request

from node.adapters.sql.engine import sqlite_driver


def main() -> None:
    database = sqlite_driver().connect(sys.argv[2], check_same_thread=False, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY, body BLOB)")
    app = FastAPI(openapi_url=None)

    @app.get("/ready")
    def ready() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/keep")
    async def keep(request: Request) -> dict[str, str]:
        database.execute("INSERT INTO kept (body) VALUES (?)", (await request.body(),))
        return {"status": "kept"}

    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        loop="uvloop",
        http="httptools",
        access_log=False,
    )


if __name__ == "__main__":
    main()
