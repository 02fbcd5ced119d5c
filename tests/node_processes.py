"""Real nodes in processes of their own, which a test may kill and start again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.nodes import Member, free_ports


@contextmanager
def node_process(home: Path, **settings: str) -> Iterator[Member]:
    """A new node below ``home`` that answers; ``settings`` are its own."""
    (port,) = free_ports(1)
    process = Member("gent", "Gent", home, port, (), {"log_level": "warning", **settings})
    process.init()
    with served(process):
        yield process


@contextmanager
def served(process: Member) -> Iterator[None]:
    """Serve a node until the end of the block, which begins when it answers."""
    process.serve()
    try:
        process.wait_ready()
        yield
    finally:
        process.stop()
