"""Entries of the ledger as lines for a security log: ArcSight's Common Event Format (CEF 0) in a syslog message
(RFC 5424), which log collectors of cities read without a translation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

PRIORITY: Final = 13 * 8 + 6
"""RFC 5424 §6.2.1: facility 13 (log audit), severity 6 (informational)."""
LONGEST: Final = 8000
"""Characters of the content in one line: collectors cut longer messages without a word."""

_SEVERITY: Final = {"decision": 5, "membership": 5, "node": 5}
"""Severity (0 to 10) of kinds of entries by which somebody gains or loses something; of all others 3."""


def log_line(entry: Mapping[str, Any], *, host: str, version: str, content: bytes | None = None) -> str:
    """Return the line of ``entry`` (``node.operation.audit.entry_json``). ``host`` is the name of this node.

    ``content`` is the canonical JSON of its body, if it is at hand: the body itself is not read then."""
    kind = str(entry["kind"])
    if content is None:
        body = json.dumps(entry["body"], ensure_ascii=False, separators=(",", ":"))
    else:
        # No character has more than four bytes: what is left out would be cut anyway.
        body = content[: 4 * LONGEST + 4].decode("utf-8", errors="replace")
    header = ("CEF:0", "Hansa", "node", version, kind, f"Ledger entry: {kind}", str(_SEVERITY.get(kind, 3)))
    fields = {
        "rt": entry["at"],
        "externalId": entry["id"],
        "suser": entry["by"],
        "cn1Label": "number",
        "cn1": "" if entry["seq"] is None else str(entry["seq"]),
        "cs1Label": "subject",
        "cs1": entry["subject"],
        "msg": body if len(body) <= LONGEST else f"{body[:LONGEST]}… (cut)",
    }
    extension = " ".join(f"{name}={_value(text)}" for name, text in fields.items() if text)
    message = "|".join((header[0], *(_part(text) for text in header[1:]), extension))
    return f"<{PRIORITY}>1 {entry['at']} {_token(host)} hansa - {_token(kind)} - {message}"


def _part(text: str) -> str:
    """Return a part of the header: a bar or a backslash is escaped, and there are no lines."""
    return _one_line(text).replace("\\", "\\\\").replace("|", "\\|")


def _value(text: str) -> str:
    """Return a value of the extension: an equals sign or a backslash is escaped, a line break written as ``\\n``."""
    escaped = text.replace("\\", "\\\\").replace("=", "\\=").replace("\r\n", "\n")
    return _one_line(escaped.replace("\r", "\\r").replace("\n", "\\n"))


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def _token(text: str) -> str:
    """Return a field of the syslog header: printable ASCII without spaces (RFC 5424 §6)."""
    return "".join(c for c in text if "!" <= c <= "~")[:48] or "-"
