"""Log lines on standard error: text for people, JSON for machines. No secret, no personal data, no telemetry."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from node.base.plaintext import in_json, visible

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object a line; the values in ``extra`` of a log call are members."""

    def format(self, record: logging.LogRecord) -> str:
        members: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        members |= _extra(record)
        if record.exc_info:
            members["trace"] = self.formatException(record.exc_info)
        return in_json(json.dumps(members, ensure_ascii=False, default=str))


class TextLines(logging.Formatter):
    """Lines for a person at a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s  %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        extra = " ".join(f"{name}={_on_one_line(str(value))}" for name, value in _extra(record).items())
        first, _, rest = line.partition("\n")
        rest = visible(rest)
        return f"{first}  {extra}".rstrip() + (f"\n{rest}" if rest else "")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        # The message may quote a peer; a line made by the peer must not look like one of ours.
        record.message = _on_one_line(record.message)
        return super().formatMessage(record)


def _on_one_line(text: str) -> str:
    """Return ``text`` with line ends and other control characters escaped, so that no terminal obeys them."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {
        name: value for name, value in record.__dict__.items() if name not in _STANDARD and name != "color_message"
    }


def configure(level: str, style: str) -> None:
    """Send this process's log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("uvicorn.access", "aiohttp.access", "alembic", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
