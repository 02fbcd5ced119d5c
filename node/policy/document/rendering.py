"""The agreement as people read and sign it: one HTML document that both nodes make from the same agreement.

The text depends only on the agreement's body, not on clock or settings: the same body gives the same bytes on every
node, so that both sides can sign its hash (``text_sha256``). Facts that ODRL cannot express (names, contact, title,
rulebook) come from the body's member ``https://w3id.org/hansa/ns#terms``; if something is missing, as in an agreement
with another connector, the document says so. Everything is other people's text and is escaped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from node.base.jsons import digest
from node.policy.document.articles import PLACES, base_tag, compose, document_languages, plain_text, written_moment
from node.policy.document.words import document_words
from node.policy.odrl import parse
from node.policy.phrases import phrases
from node.texts.languages import LANGUAGES

if TYPE_CHECKING:
    from jinja2 import Environment

_OWN: Final = frozenset(["@id", "uid", "timestamp"])


def render(
    body: Mapping[str, Any],
    *,
    language: str | None = None,
    languages: Sequence[str] | None = None,
    signatures: Mapping[str, str] | None = None,
) -> str:
    """Return a complete HTML document that prints on A4, made from the Agreement ``body``.

    By default it is in both parties' languages; in ``language`` alone; or in ``languages`` side by side, article by
    article. ``signatures`` (DID → compact JWS) are shown if they are known; they are not part of the signed text.
    Raises ``InvalidInput`` if ``body`` is not a readable policy.
    """
    return _template("document", body, _languages(body, language, languages), signatures or {})


def render_body(
    body: Mapping[str, Any],
    *,
    language: str | None = None,
    languages: Sequence[str] | None = None,
    signatures: Mapping[str, str] | None = None,
) -> str:
    """As ``render``, without head and style: an ``article`` to embed in a page."""
    return _template("article", body, _languages(body, language, languages), signatures or {})


def text_sha256(body: Mapping[str, Any], language: str) -> str:
    """Return the hash that both sides sign: SHA-256 of the document in one language, without signatures, in UTF-8."""
    return hashlib.sha256(render(body, language=language).encode("utf-8")).hexdigest()


def _languages(body: Mapping[str, Any], language: str | None, languages: Sequence[str] | None) -> tuple[str, ...]:
    wished = languages or ((language,) if language else document_languages(body))
    return tuple(dict.fromkeys(base_tag(tag) if base_tag(tag) in LANGUAGES else "en" for tag in wished))


def _template(macro: str, body: Mapping[str, Any], languages: tuple[str, ...], signatures: Mapping[str, str]) -> str:
    from markupsafe import escape

    shared = {name: "" if name in _OWN and isinstance(value, str) else value for name, value in body.items()}
    page = _page(macro, json.dumps(shared), languages, tuple(signatures.items()))
    own = {language: _own(body, language) for language in languages}
    return PLACES.sub(lambda place: str(escape(own[place[2]][place[1]])), page)


@lru_cache(maxsize=64)
def _page(macro: str, body: str, languages: tuple[str, ...], signatures: tuple[tuple[str, str], ...]) -> str:
    """Return the document of ``body`` (JSON) with places for data of a single agreement: each negotiation about the
    same asset makes another agreement, and both sides render it to sign it."""
    agreement = json.loads(body)
    policy = parse(agreement)
    texts = [compose(agreement, policy, language, dict(signatures)) for language in languages]
    page = _environment().get_template("agreement.html")
    return str(getattr(page.module, macro)(texts)).strip() + "\n"


def _own(body: Mapping[str, Any], language: str) -> dict[str, str]:
    """Return the data of this agreement only, by the names of their places."""
    words = document_words(language)
    identifier = body.get("@id", body.get("uid"))
    number = plain_text(identifier if isinstance(identifier, str) else parse(body).id) or words.unreadable
    try:
        sha256 = digest(body)
    except ValueError:
        sha256 = ""  # There is no place for it.
    moment = written_moment(body.get("timestamp"), phrases(language)) or words.unreadable
    return {
        "identifier": number,
        "number": f"{words.number} {number}",
        "concluded": words.concluded.format(date=moment),
        "hash": sha256,
    }


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("node.negotiation", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
