"""The part of the data that conditions give, as the terminal shows it before publication."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.cli.output import Mode, line, remark, say, table


def show_part(part: Mapping[str, Any], lang: str) -> None:
    """Print what a partner gets: the part in words, and the first rows of each table."""
    if Mode.json:
        return
    sentences = part["sentences"].get(lang) or part["sentences"]["en"]
    line("partners get", "only a part of the data")
    for sentence in sentences:
        say(f"                · {sentence}")
    for preview in part["tables"]:
        if "fault" in preview:
            remark(f"{preview['file']}: {preview['fault']}")
            continue
        count = preview["rowCount"]
        line(preview["file"], f"{count} row{'' if count == 1 else 's'}, such as")
        table(preview["rows"], [column["name"] for column in preview["columns"]])
        if not count:
            remark(f"no row of {preview['file']} meets the conditions: partners would get nothing")
