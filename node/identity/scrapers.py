"""The token of a monitor that reads the metrics."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from node.base.errors import InvalidInput

SCRAPER_WORDS = "the token of a monitor has 20 to 512 characters, of letters, digits and - . _ ~ + / ="


@dataclass(frozen=True, slots=True)
class Monitor:
    """A program with the node's own token for metrics. It is not a person, and may read only the metrics."""


def is_scraper_token(text: str) -> bool:
    """Return whether ``text`` can be the token of a monitor: long enough, and of the form of RFC 6750 §2.1."""
    return re.fullmatch(r"[A-Za-z0-9._~+/=-]{20,512}", text) is not None


def monitor_token(token: str | None, file: Path | None) -> str:
    """Return the token of a monitor: that in ``file``, if there is one, else ``token``; empty if neither is set.

    Raises ``InvalidInput`` if the file cannot be read.
    """
    return token or "" if file is None else _read(file)


def _read(path: Path) -> str:
    """Return the first line of ``path`` (the setting ``metrics_token_file``).

    Raises ``InvalidInput`` if the file cannot be read: without this error, people would notice late that the monitor
    is locked out.
    """
    try:
        token = path.read_text("utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"metrics_token_file {path} cannot be read: {error}") from error
    if not is_scraper_token(token):
        raise InvalidInput(
            f"metrics_token_file {path} holds no such text: {SCRAPER_WORDS}",
            remedy="openssl rand -hex 32 makes one",
        )
    return token
