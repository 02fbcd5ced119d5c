"""Data files at the terminal: show what was found in a table, and ask if that may be wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import one_line
from node.cli.output import Mode, complain
from node.semantics import sheets

DELIMITERS = {".csv": "", ".tsv": "\t", ".tab": "\t"}


def examine(path: Path, *, as_is: bool, quiet: bool = False) -> sheets.Survey | None:
    """Return the survey of a table; None for a file without the name of a table.

    Raises ``InvalidInput`` for a file that has the name of a table but is not a table, and for a table that may have
    been read wrongly, unless ``as_is`` or a person at the terminal confirms it. With ``quiet``, it asks
    nothing.
    """
    delimiter = DELIMITERS.get(path.suffix.lower())
    if delimiter is None:
        return None
    try:
        with path.open("rb") as file:
            survey = sheets.survey(file, delimiter=delimiter)
    except ValueError as error:
        raise InvalidInput(
            f"{one_line(str(path))} has the name of a table, but {error}",
            remedy="save the table itself as CSV in UTF-8, or correct the extension of the file name",
        ) from error
    doubts = [doubt.text("en") for doubt in survey.doubts()]
    if not doubts or as_is:
        return survey
    if quiet or (sys.stdin.isatty() and not Mode.json):
        for doubt in doubts:
            complain(f"{path}: {doubt}")
        if quiet or typer.confirm("  publish it as it was read?", default=False, err=True):
            return survey
        raise InvalidInput(f"{path} was not published", remedy="correct it and publish again")
    raise InvalidInput(
        f"{path}: {'; '.join(doubts)}", remedy="correct the file, or give --as-found if this is intended"
    )
