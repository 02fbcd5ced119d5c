"""``hansa serve`` and ``hansa worker``: what runs until somebody stops it.

In their plain form they are started without the library of the command line, which takes an eighth of the memory of a
node at rest, and a fifth of the time until it is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from node.base.errors import InvalidInput


def service_of(arguments: Sequence[str]) -> Callable[[], int] | None:
    """Return the service that ``arguments`` start, which returns its exit status; None for any other command, and if
    a person asks for help or an option may be misspelt."""
    match list(arguments):
        case ["serve", folder] | ["serve", folder, "--no-worker"] | ["serve", "--no-worker", folder] if _is_folder(
            folder
        ):
            return partial(serve, Path(folder), with_worker="--no-worker" not in arguments)
        case ["worker", folder] if _is_folder(folder):
            return partial(work, Path(folder))
    return None


def _is_folder(word: str) -> bool:
    return bool(word) and not word.startswith("-")


def serve(folder: Path, *, with_worker: bool = True) -> int:
    """Serve the node in ``folder`` until it is stopped. Raises ``InvalidInput`` if its worker must be with it."""
    from node.cli.output import plainly
    from node.cli.server import run_server
    from node.settings import load

    settings = load(folder)
    if not with_worker and settings.is_embedded:
        raise InvalidInput(
            "SQLite allows one process, so the worker must run inside it", remedy="leave out --no-worker"
        )
    # Plain, because a server has no use for the terminal library.
    plainly(
        f"{settings.name} at {settings.public_url}   (this machine: {settings.host}:{settings.port}; Ctrl-C stops)"
    )
    return run_server(settings, with_worker=with_worker)


def work(folder: Path) -> int:
    """Work for the node in ``folder`` until stopped. Raises ``InvalidInput`` if its database has room for one
    process."""
    from node.cli.server import run_worker
    from node.settings import load

    settings = load(folder)
    if settings.is_embedded:
        raise InvalidInput(
            "a second process cannot use the SQLite file of a running node",
            remedy="hansa serve runs the worker itself; for more workers, set database_url to PostgreSQL",
        )
    return run_worker(settings)
