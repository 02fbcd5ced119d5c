"""Output to the terminal: results to standard output, progress and remarks to standard error.

Colour only on a terminal; ``NO_COLOR`` is respected; 80 columns are enough. ``--json`` prints one document and
nothing else on standard output.

All texts of others go to the terminal through this module: control characters are written out (``base.plaintext``),
and a line of theirs cannot pass for one of ours, because it is indented further.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.base.errors import InvalidInput
from node.base.plaintext import in_json, one_line, visible, word

if TYPE_CHECKING:
    from rich.console import Console

LABEL = 14

__all__ = [
    "LABEL",
    "Mode",
    "bar",
    "block",
    "complain",
    "counter",
    "emit",
    "exact",
    "findings",
    "line",
    "report_failure",
    "report_success",
    "suggest",
]
__all__ += ["next_step", "plainly", "reasons", "remark", "save", "say", "size", "table", "trace", "word", "words"]


@cache
def _out() -> Console:
    # The terminal library is loaded only when something is shown: a server shows nothing.
    from rich.console import Console

    return Console(highlight=False, emoji=False, soft_wrap=True)


@cache
def _err() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def escape(text: str) -> str:
    """Return ``text`` without control characters for the terminal and without markup of the terminal library.

    Its further lines are indented, so that they do not look like lines of ours.
    """
    return _without_markup(visible(text).replace("\n", "\n    "))


def _without_markup(text: str) -> str:
    from rich.markup import escape as escaped

    # A backslash at the end would turn our own markup, which comes next, into text.
    return escaped(text)


class Mode:
    """The output mode of this run of the command: as JSON or for people, with or without tracebacks. Set once from
    the command line."""

    json = False
    debug = False
    is_beside_data = False
    """The output has data for another program: labelled lines stand beside it, where errors do."""


def emit(document: Any) -> None:
    """Print one JSON document (``--json``)."""
    sys.stdout.write(in_json(json.dumps(document, ensure_ascii=False, indent=2)) + "\n")


def exact(body: bytes) -> None:
    """Print bytes in a requested format: unchanged into a file or a pipe, readable on a terminal."""
    if sys.stdout.isatty():
        text = visible(body.decode("utf-8", errors="replace").replace("\r\n", "\n"))
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()


def plainly(text: str) -> None:
    """Print a remark without the terminal library, for a server, which does not need that library otherwise."""
    sys.stderr.write(one_line(text) + "\n")


def trace(error: BaseException) -> None:
    """Print the traceback of an error (``--debug``)."""
    sys.stderr.write(visible("".join(traceback.format_exception(error))))


def report_success(text: str, *, detail: str = "") -> None:
    """Print that a step succeeded."""
    if not Mode.json:
        _out().print(f"[green]✓[/green] {escape(text)}" + (f"   [dim]{escape(detail)}[/dim]" if detail else ""))


def report_failure(text: str) -> None:
    """Print that a step failed."""
    _err().print(f"[red]✗[/red] {escape(text)}")


@contextmanager
def beside_data() -> Iterator[None]:
    """Print labelled lines beside the output, which has data for another program."""
    Mode.is_beside_data = True
    try:
        yield
    finally:
        Mode.is_beside_data = False


def line(label: str, text: str, *, style: str = "") -> None:
    """Print a labelled line of a result."""
    if not Mode.json:
        shown = escape(text)
        (_err() if Mode.is_beside_data else _out()).print(
            f"  [dim]{escape(label):<{LABEL - 1}}[/dim] " + (f"[{style}]{shown}[/{style}]" if style else shown)
        )


def say(text: str = "") -> None:
    """Print a plain line of a result."""
    if not Mode.json:
        _out().print(escape(text))


def block(text: str) -> None:
    """Print lines of our own, such as the draft of a file, without further indentation."""
    if not Mode.json:
        _out().print(_without_markup(visible(text)))


def remark(text: str) -> None:
    """Print a remark beside the result, such as the state or the next step."""
    if not Mode.json:
        _err().print(f"[dim]{escape(text)}[/dim]")


def suggest(text: str) -> None:
    """Print the remedy of a failure, below it."""
    _err().print(f"  [cyan]{escape(text)}[/cyan]")


def complain(text: str) -> None:
    """Print a plain line about a failure."""
    _err().print(escape(text))


def next_step(command: str) -> None:
    """Print the next command for the person."""
    if not Mode.json:
        _out().print(f"Next: [bold]{escape(command)}[/bold]")


def findings(items: Sequence[Mapping[str, Any]], lines: Mapping[str, int]) -> None:
    """Print the findings about a description, numbered, each with its place and its remedy."""
    for number, item in enumerate(items, 1):
        place = str(item.get("field") or "")
        at = item.get("line") or lines.get(place)
        where = f"   [dim]line {at}[/dim]" if at else f"   [dim]{escape(place)}[/dim]" if place else ""
        _err().print(f"  [bold]{number}[/bold]  {escape(str(item.get('message', '')))}{where}")
        if remedy := item.get("remedy"):
            _err().print(f"     [cyan]{escape(str(remedy))}[/cyan]")


def save(path: Path, body: bytes) -> None:
    """Write the file that the caller named. Raises ``InvalidInput`` if it cannot be written."""
    try:
        path.write_bytes(body)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}", remedy="name a file in an existing folder"
        ) from None


def table(rows: Sequence[Sequence[str]], heads: Sequence[str] = ()) -> None:
    """Print rows in columns, as narrow as their content."""
    if Mode.json:
        return
    from rich.table import Table

    view = Table(box=None, pad_edge=False, show_header=bool(heads), header_style="dim", collapse_padding=True)
    for head in heads or [""] * (len(rows[0]) if rows else 0):
        view.add_column(escape(head), overflow="fold")
    for row in rows:
        view.add_row(*(escape(cell) for cell in row))
    _out().print(view)


@contextmanager
def bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on standard error if it is a terminal, otherwise nothing."""
    with _progress(label, in_bytes=True) as show:
        yield show


@contextmanager
def counter(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar for a number of things, as ``bar`` does for bytes."""
    with _progress(label, in_bytes=False) as show:
        yield show


@contextmanager
def _progress(label: str, *, in_bytes: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar with the finished part and the total; if the total is unknown (0), only with the finished part."""
    if Mode.json or not _err().is_terminal:
        yield lambda _done, _total: None
        return
    from rich import progress as rich

    figures = (
        (rich.DownloadColumn(), rich.TransferSpeedColumn())
        if in_bytes
        else (rich.MofNCompleteColumn(), rich.TimeRemainingColumn())
    )
    columns = (rich.TextColumn(f"  [dim]{escape(label):<{LABEL}}[/dim]"), rich.BarColumn(bar_width=24), *figures)
    with rich.Progress(*columns, console=_err(), transient=True) as bar_shown:
        task = bar_shown.add_task(label, total=None)
        yield lambda so_far, total: bar_shown.update(task, completed=so_far, total=total or None)


def size(count: int) -> str:
    """Return a number of bytes in a form for people."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{int(value)} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def count_of(count: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun in the right form: ``1 result``, ``2 entries``."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def words(texts: Mapping[str, str] | str | None, language: str) -> str:
    """Return a text in the reader's language, else in English, else in any language."""
    if texts is None:
        return ""
    if isinstance(texts, str):
        return texts
    return texts.get(language) or texts.get("en") or next(iter(texts.values()), "")


def reasons(items: Sequence[Any], language: str) -> None:
    """Print the reasons of a refusal: each rule that is not met, with the missing fact and the remedy."""
    for reason in items:
        if not isinstance(reason, Mapping):
            complain(f"  {reason}")
            continue
        line("rule", words(reason.get("text"), language) or str(reason.get("rule") or ""))
        if reason.get("need"):
            line("missing", f"{reason['need']}" + (f" — you hold: {reason['have']}" if reason.get("have") else ""))
        if reason.get("since"):
            line("since", str(reason["since"]))
        if reason.get("remedy"):
            line("to get it", words(reason["remedy"], language))
