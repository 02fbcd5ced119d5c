"""The demonstration's output: numbered steps with the input, the result and the time of each.

Each step is also checked: ``check`` stops the demonstration if a condition does not hold.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def first_line(text: str) -> str:
    """Return the first line of ``text`` that is not empty."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else ""


class Failed(Exception):
    """A condition of the demonstration did not hold."""


class StepOutput:
    """Prints steps and counts checks."""

    def __init__(self) -> None:
        self.checks = 0
        self.job_seconds = 0.0

    @contextmanager
    def step(self, number: int, title: str) -> Iterator[None]:
        """Print one step of the demonstration, with the time that it takes."""
        out.print(f"\n[bold]{number}  {title}[/bold]")
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        self.job_seconds += took
        out.print(f"   [dim]{took:.1f} s[/dim]")

    def show_command(self, who: str, command: str) -> None:
        """Print what a person would have typed."""
        out.print(f"   [dim]{who:<11}$[/dim] {command}", markup=True)

    def show_click(self, who: str, what: str) -> None:
        """Print what a person would have clicked."""
        out.print(f"   [dim]{who:<11}>[/dim] {what}")

    def saw(self, text: str) -> None:
        """Print the result."""
        out.print(f"              {text}", markup=False)

    def check(self, true: object, text: str) -> None:
        """Print the statement if the condition holds; raise ``Failed`` otherwise."""
        if not true:
            out.print(f"   [red]✗[/red] {text}")
            raise Failed(text)
        self.checks += 1
        out.print(f"   [green]✓[/green] {text}")


def size(count: float) -> str:
    """Return a number of bytes in the form in which people read it."""
    return f"{count / 1e6:.1f} MB"
