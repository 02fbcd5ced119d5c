"""How the demonstration prints: steps with a number, what was typed, what was seen, how long it took.

A step is not only shown but checked: ``check`` stops the demonstration where something is not as it should be.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Failed(Exception):
    """Something was not as it should be."""


class Stage:
    """Prints steps and counts checks."""

    def __init__(self) -> None:
        self.checks = 0
        self.job_seconds = 0.0

    @contextmanager
    def step(self, number: int, title: str) -> Iterator[None]:
        """One step of the story, timed."""
        out.print(f"\n[bold]{number}  {title}[/bold]")
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        self.job_seconds += took
        out.print(f"   [dim]{took:.1f} s[/dim]")

    def typed(self, who: str, command: str) -> None:
        """What a person would have typed."""
        out.print(f"   [dim]{who:<11}$[/dim] {command}", markup=True)

    def clicked(self, who: str, what: str) -> None:
        """What a person would have clicked."""
        out.print(f"   [dim]{who:<11}>[/dim] {what}")

    def saw(self, text: str) -> None:
        """The result."""
        out.print(f"              {text}", markup=False)

    def check(self, true: object, text: str) -> None:
        """Something must be so; say that it is."""
        if not true:
            out.print(f"   [red]✗[/red] {text}")
            raise Failed(text)
        self.checks += 1
        out.print(f"   [green]✓[/green] {text}")


def size(count: float) -> str:
    """Bytes as people read them."""
    return f"{count / 1e6:.1f} MB"
