"""init, serve, worker: making a node and running it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from node.base.plaintext import word
from node.cli import services
from node.cli.default_language import choose
from node.cli.output import Mode, emit, line, next_step, remark, report_success


def register(app: typer.Typer) -> None:
    app.command("init")(init)
    app.command("serve")(serve)
    app.command("worker")(worker)


def init(
    folder: Annotated[Path, typer.Argument(help="The node's data folder: created if it does not exist.")],
    name: Annotated[str, typer.Option(help="Name of the organisation that runs the node.")] = "",
    url: Annotated[
        str,
        typer.Option(
            help="Address under which others reach it; it is part of every identifier and cannot be changed later."
        ),
    ] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 means that of --url, or 8080.")] = 0,
    contact: Annotated[str, typer.Option(help="Contact: an e-mail address or a page.")] = "",
    region: Annotated[
        str, typer.Option(help="Address or DID of your region, whose rulebook and credentials this node accepts.")
    ] = "",
    issuer: Annotated[bool, typer.Option("--issuer", help="This node is a region: it admits members.")] = False,
    language: Annotated[
        list[str] | None,
        typer.Option(
            help="Languages of your documents, the main one first: texts without a language are tagged with it. "
            "Without it you are asked, or the locale decides."
        ),
    ] = None,
    database: Annotated[str, typer.Option(help="PostgreSQL URL; by default SQLite in the folder.")] = "",
    loopback: Annotated[
        bool, typer.Option("--loopback", help="Also use http to nodes on this machine: for tests only.")
    ] = False,
) -> None:
    """Create a node: keys, store, settings, and an administrator."""
    from urllib.parse import urlsplit

    from node.cli.creation import create

    local = not url or urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    own_port = port or urlsplit(url).port or 8080
    languages, source = choose(language or (), os.environ, asks=sys.stdin.isatty() and not Mode.json)
    result = create(
        folder,
        {
            "name": name or folder.name,
            "public_url": url or f"http://127.0.0.1:{own_port}",
            "host": host,
            "port": own_port,
            **({"contact": contact} if contact else {}),
            **({"region": region} if region else {}),
            **({"issuer": True} if issuer else {}),
            "languages": languages,
            **({"database_url": database} if database else {}),
            **({"allow_loopback": True} if loopback or local else {}),
        },
    )
    if Mode.json:
        emit(
            {
                "did": result.did,
                "login": result.login,
                "password": result.password,
                "folder": str(folder),
                "languages": languages,
            }
        )
        return
    report_success("keys created", detail=result.did)
    report_success("store created", detail=f"{folder}/  ({result.store})")
    report_success(f"language {', '.join(languages)}", detail=source)
    report_success("administrator created", detail="to change the password: hansa user admin --password")
    line("login", result.login)
    line("password", result.password, style="bold")
    if local:
        remark("This node uses http and works on this machine only. To use it with other nodes: --url https://…")
    next_step(f"hansa serve {word(folder)}")


def serve(
    folder: Annotated[Path, typer.Argument(help="The node's data folder.")],
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Only answer requests; workers run separately (PostgreSQL).")
    ] = False,
) -> int:
    """Run the node: web and worker in one process. Stop it with Ctrl-C; it finishes its work first."""
    return services.serve(folder, with_worker=not no_worker)


def worker(folder: Annotated[Path, typer.Argument(help="The node's data folder.")]) -> int:
    """Run one more worker for a node on PostgreSQL."""
    return services.work(folder)
