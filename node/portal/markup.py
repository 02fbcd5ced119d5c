"""Safe output of other people's text: allowed links, language tags, embedded documents, marked words, concealed
secrets.

Jinja2 does the escaping itself (autoescape everywhere); this module decides which text may become an attribute or an
element at all.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from node.scenarios.tables.units import words

if TYPE_CHECKING:
    from nh3 import Cleaner

LANGUAGE_TAG: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")

_UNSAFE_IN_URL: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\\"<>^`{|}\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_HOST: Final = re.compile(r"[A-Za-z0-9.\-\[\]:%_\u00a1-\uffff]+")


def web_address(iri: object) -> str | None:
    """Return ``iri`` if a browser may follow it from our pages: absolute, http or https, with a host; else None."""
    if not isinstance(iri, str) or len(iri) > 4000 or _UNSAFE_IN_URL.search(iri):
        return None
    try:
        parts = urlsplit(iri)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not iri.lower().startswith(("http://", "https://")):
        return None
    if not host or parts.username is not None or not _HOST.fullmatch(host):
        return None
    return iri


def mail_address(text: object) -> str | None:
    """Return the bare address of ``mailto:someone@example.org`` or ``someone@example.org``; None for other text."""
    bare = text.removeprefix("mailto:") if isinstance(text, str) else ""
    return bare if re.fullmatch(r"[A-Za-z0-9.!#$*+/=_~-]{1,64}@[A-Za-z0-9.-]{1,200}", bare) else None


def language_tag(tag: object) -> str:
    """Return ``tag`` if it may stand in a ``lang`` attribute (RFC 5646 in outline), else an empty text."""
    return tag if isinstance(tag, str) and LANGUAGE_TAG.fullmatch(tag) else ""


def shorten(identifier: str, keep: int = 34) -> str:
    """Return a long identifier with its middle left out; the copy button and the title have the whole."""
    if identifier.startswith("urn:uuid:"):
        return f"{identifier[9:17]}…{identifier[-4:]}"
    for scheme in ("https://", "http://", "did:web:"):
        if identifier.startswith(scheme):
            identifier = identifier.removeprefix(scheme)
            if scheme == "did:web:":
                identifier = identifier.replace("%3A", ":")
            break
    if len(identifier) <= keep:
        return identifier
    tail = keep // 2
    return f"{identifier[: keep - tail - 1]}…{identifier[-tail:]}"


def display_name(name: str, identifier: str) -> str:
    """Return a name to show: every participant has a name; an identifier in place of a name is shortened."""
    plain = name.strip()
    if plain.startswith(("did:", "https://", "http://")) and " " not in plain:
        return shorten(plain) or plain
    return plain or shorten(identifier).strip() or "…"


def last_segment(iri: str) -> str:
    """Return the part behind the last ``#``, ``/`` or ``:`` of an IRI: its name if it has no better one."""
    return re.split(r"[#/:]", iri.rstrip("#/"))[-1] or iri


def unit(code: str) -> str:
    """Return a UCUM code as people write the unit; a dash for the unit ``1``."""
    return words(code) or "–"


def snippet_pieces(snippet: str) -> list[tuple[bool, str]]:
    """Return a search snippet as pieces: (is a found word, text). Found words stand between « and »."""
    pieces: list[tuple[bool, str]] = []
    for part in re.split(r"(«[^«»]*»)", snippet):
        if part.startswith("«") and part.endswith("»"):
            pieces.append((True, part[1:-1]))
        elif part:
            pieces.append((False, part))
    return pieces


def code_pieces(text: str) -> list[tuple[bool, str]]:
    """Return a text as pieces: (is code, text). Code stands between backticks, as in the descriptions of an API."""
    return [(place % 2 == 1, piece) for place, piece in enumerate(re.split(r"`([^`]*)`", text)) if piece]


# documents -------------------------------------------------------------------------------------------------

_TEXT: Final = """
a abbr address article b blockquote br caption cite code col colgroup dd dfn div dl dt em figcaption figure
footer h1 h2 h3 h4 h5 h6 header hr i li main ol p pre q s section small span strong sub sup table tbody td
tfoot th thead time tr u ul wbr
"""
"""The elements that stay: those of text and tables."""

_SILENT: Final = "script style head title template iframe object svg math noscript"
"""The elements that are removed with their content."""

_ATTRIBUTES: Final = "lang dir class datetime scope colspan rowspan start"
_PLAIN_VALUE: Final = re.compile(r"[\w \-.:+]{0,200}")

_OURS: Final = {"h1": "h2", "main": "div", "header": "div", "footer": "div"}
"""Elements that occur once on a page → what replaces them in a document within the page."""
_OF_A_PAGE: Final = re.compile(rf"(?<=<)(/?)({'|'.join(_OURS)})\b")


def embed(document: str) -> str:
    """Return ``document`` (a page or a fragment of HTML) as a fragment that is safe inside a page of ours.

    Only elements of text and tables stay, with plain attributes and http(s) links; all others (scripts, styles,
    frames, the head) are removed with their content. Open elements are closed.
    """
    # A "<" in the cleaner's output begins an element: the cleaner escapes those of the text, and our filter allows
    # none in a value.
    return _OF_A_PAGE.sub(lambda match: match[1] + _OURS[match[2]], _cleaner().clean(document))


@cache
def _cleaner() -> Cleaner:
    # Loaded on first use: few pages show a document.
    import nh3

    return nh3.Cleaner(
        tags=set(_TEXT.split()),
        clean_content_tags=set(_SILENT.split()),
        attributes={"*": set(_ATTRIBUTES.split()), "a": {"href"}},
        attribute_filter=_attribute,
        url_schemes={"http", "https"},
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "href":
        return web_address(value)
    return value if _PLAIN_VALUE.fullmatch(value) else None


# messages --------------------------------------------------------------------------------------------------

_SECRET_NAMES: Final = re.compile(
    r"authorization|password|secret|credential|(?:^|[_:#/])token|(?:access|refresh|id)_?token|api_?key|jwt", re.I
)
_JWT: Final = re.compile(r"\b(?:Bearer\s+)?eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
CONCEALED: Final = "•••"


def readable_body(body: bytes, limit: int = 20_000) -> str:
    """Return a message body for operators: JSON indented, tokens concealed, at most ``limit`` characters."""
    text = body.decode("utf-8", errors="replace")
    try:
        text = json.dumps(_conceal(json.loads(text)), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        text = _JWT.sub(CONCEALED, text)
    return text if len(text) <= limit else f"{text[:limit]}\n…"


def _conceal(value: Any) -> Any:
    if isinstance(value, dict):
        # An endpoint property of a DSP data address has its secret as {"name": "authorization", "value": …}.
        named = value.get("name")
        hides = isinstance(named, str) and _SECRET_NAMES.search(named)
        return {
            key: CONCEALED
            if isinstance(inner, str) and (_SECRET_NAMES.search(key) or (hides and key == "value"))
            else _conceal(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_conceal(inner) for inner in value]
    if isinstance(value, str):
        return _JWT.sub(CONCEALED, value)
    return value
