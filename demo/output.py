"""The demonstration's output: numbered steps with the input, the result and the time of each.

Each step is also checked: ``check`` stops the demonstration if a condition does not hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from rich.console import Console

out = Console(highlight=False, emoji=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


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
        self._print(f"\n[bold]{number}  {title}[/bold]")
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        self.job_seconds += took
        self._print(f"   [dim]{took:.1f} s[/dim]")

    def side_by_side(self, *acts: Callable[[StepOutput], Any]) -> list[Any]:
        """Carry out acts at the same time, print each as a whole, in their order, and return their results.

        When one fails, the error is raised after all have ended.
        """
        parts = [_BufferedOutput() for _ in acts]
        with ThreadPoolExecutor(len(acts)) as hands:
            ends = [hands.submit(act, part) for act, part in zip(acts, parts, strict=True)]
            for end, part in zip(ends, parts, strict=True):
                wait([end])
                for text, markup in part.lines:
                    self._print(text, markup=markup)
                self.checks += part.checks
                end.result()
        return [end.result() for end in ends]

    def show_command(self, who: str, command: str) -> None:
        """Print what a person would have typed."""
        self._print(f"   [dim]{who:<11}$[/dim] {command}")

    def show_click(self, who: str, what: str) -> None:
        """Print what a person would have clicked."""
        self._print(f"   [dim]{who:<11}>[/dim] {what}")

    def saw(self, text: str) -> None:
        """Print the result."""
        self._print(f"              {text}", markup=False)

    def check(self, true: object, text: str) -> None:
        """Print the statement if the condition holds; raise ``Failed`` otherwise."""
        if not true:
            self._print(f"   [red]✗[/red] {text}")
            raise Failed(text)
        self.checks += 1
        self._print(f"   [green]✓[/green] {text}")

    def _print(self, text: str, *, markup: bool = True) -> None:
        out.print(text, markup=markup)


class _BufferedOutput(StepOutput):
    """Keeps its lines until they are printed."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, bool]] = []

    def _print(self, text: str, *, markup: bool = True) -> None:
        self.lines.append((text, markup))


def size(count: float) -> str:
    """Return a number of bytes in the form in which people read it."""
    return f"{count / 1e6:.1f} MB"
