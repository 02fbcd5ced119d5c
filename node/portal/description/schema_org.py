"""A dataset in schema.org terms, which search engines read from its page, and links for machines about it.

Google's dataset search and others do not read DCAT. The links follow FAIR Signposting (signposting.org, level 1): a
program that has only the address of a page finds the description, the files and the licence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from node.catalogue.model import Record
from node.portal.description.content import Distribution
from node.portal.description.triples import Description
from node.portal.markup import web_address
from node.semantics.kinds import KINDS
from node.texts.languages import pick
from node.vocab.namespaces import DCAT, DCT

_LONGEST: Final = 5_000
"""Characters of a description that search engines read."""
_LONGEST_HEADER: Final = 2_000
"""Characters of the ``Link`` header at most: reverse proxies refuse answers with much longer ones."""


def is_dataset(record: Record) -> bool:
    """Return whether others treat the asset as a dataset: data, but also schemas, scenarios and ontologies."""
    kind = KINDS.get(record.kind)
    return kind is not None and kind.role == f"{DCAT}Dataset"


def schema_org_json(
    record: Record,
    description: Description,
    forms: Sequence[Distribution],
    *,
    page: str,
    catalogue: str,
    language: str,
) -> str:
    """Return the dataset as JSON-LD that may stand inside a page; empty if the asset is not a dataset.

    ``forms`` are its distributions, ``page`` is the address of the page, ``catalogue`` that of the catalogue.
    """
    if not is_dataset(record):
        return ""
    subject = record.subject
    members: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": subject,
        "url": page,
        "name": pick(record.titles, language)[0] or record.iri,
        "description": pick(record.descriptions, language)[0][:_LONGEST],
        "keywords": list(record.keywords),
        "version": str(record.version),
        "license": _licence(description, subject, forms),
        "publisher": _publisher(record),
        "datePublished": _day(description.value(subject, f"{DCT}issued")),
        "dateModified": _day(description.value(subject, f"{DCT}modified")) or record.at.date().isoformat(),
        "temporalCoverage": _period(description, subject),
        "spatialCoverage": _box(record),
        "inLanguage": list(record.titles) if "und" not in record.titles else None,
        "isAccessibleForFree": True if any(file.open for file in record.files) else None,
        "includedInDataCatalog": {"@type": "DataCatalog", "url": catalogue},
        "distribution": [_download(form) for form in forms if web_address(form.address)],
    }
    text = json.dumps({name: value for name, value in members.items() if value}, ensure_ascii=False)
    # Inside a page no character may end the element early (HTML, "restrictions on contents of script elements").
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def signposts(
    record: Record,
    description: Description,
    forms: Sequence[Distribution],
    *,
    formats: Mapping[str, str],
    files: Iterable[tuple[str, str]],
    catalogue: str,
) -> str:
    """Return the ``Link`` header of the page, without links that exceed its length limit.

    ``formats``: address of the description → its media type. ``files``: address and media type of each file that
    anyone may download.
    """
    licence = _licence(description, record.subject, forms)
    links = [
        (record.iri, "cite-as", ""),
        ("https://schema.org/AboutPage", "type", ""),
        *([("https://schema.org/Dataset", "type", "")] if is_dataset(record) else ()),
        *((address, "describedby", media_type.partition(";")[0]) for address, media_type in formats.items()),
        *([(licence, "license", "")] if web_address(licence) else ()),
        (catalogue, "collection", ""),
        *((address, "item", media_type) for address, media_type in files),
    ]
    header = ""
    for target, relation, media_type in links:
        link = f'<{target}>; rel="{relation}"' + (f'; type="{media_type}"' if media_type else "")
        longer = f"{header}, {link}" if header else link
        if _fits_header(target) and _fits_header(media_type) and len(longer) <= _LONGEST_HEADER:
            header = longer
    return header


def _fits_header(text: str) -> bool:
    """Return whether a foreign text can stand in a header, without becoming more than one link."""
    return text.isascii() and text.isprintable() and not any(sign in text for sign in '<>" ,;')


def _licence(description: Description, subject: str, files: Iterable[Distribution]) -> str:
    own = description.value(subject, f"{DCT}license")
    return own or next((file.licence for file in files if file.licence), "")


def _publisher(record: Record) -> dict[str, Any]:
    has_iri = web_address(record.publisher) or record.publisher.startswith("did:")
    members = {"@type": "Organization", "name": record.publisher_name.strip() or record.publisher}
    return {**members, "@id": record.publisher} if has_iri else members


def _download(file: Distribution) -> dict[str, Any]:
    members = {
        "@type": "DataDownload",
        "contentUrl": file.address,
        "encodingFormat": file.media_type.rpartition("/media-types/")[2] or file.format,
        "contentSize": str(file.size) if file.size is not None else "",
        "name": pick(file.texts, "en")[0] if file.texts else "",
    }
    return {name: value for name, value in members.items() if value}


def _day(text: str) -> str:
    return text[:10] if len(text) >= 10 and text[4:5] == "-" else ""


def _period(description: Description, subject: str) -> str:
    for term in description.terms(subject, f"{DCT}temporal"):
        begins = _day(description.value(term.value, f"{DCAT}startDate"))
        ends = _day(description.value(term.value, f"{DCAT}endDate"))
        if begins or ends:
            return f"{begins or '..'}/{ends or '..'}"
    return ""


def _box(record: Record) -> dict[str, Any] | None:
    edges = record.extra.get("bbox")
    if not isinstance(edges, list) or len(edges) != 4:
        return None
    west, south, east, north = map(str, edges)
    box = f"{south} {west} {north} {east}"
    return {"@type": "Place", "geo": {"@type": "GeoShape", "box": box}}
