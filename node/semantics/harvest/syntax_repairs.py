"""Repairs of syntax: correct and report a slip that makes a whole catalogue file unreadable.

A repair is tried only if the file cannot be read as it is. It never changes the meaning of a statement: it adds a dot
that ends a directive, declares a well-known prefix, or drops text beside a link that a parser does not expect there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from node.vocab.namespaces import HYDRA, PREFIXES

WELL_KNOWN: Final = {
    **PREFIXES,
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": PREFIXES["dct"],
    "vann": "http://purl.org/vocab/vann/",
    "hydra": HYDRA,
    "void": "http://rdfs.org/ns/void#",
    "gsp": "http://www.opengis.net/ont/geosparql#",
    "dcatapde": "http://dcat-ap.de/def/dcatde/",
    "time": "http://www.w3.org/2006/time#",
    "geo": "http://www.opengis.net/ont/geosparql#",
    "sdo": "https://schema.org/",
    "eli": "http://data.europa.eu/eli/ontology#",
    "cnt": "http://www.w3.org/2011/content#",
    "org": "http://www.w3.org/ns/org#",
    "wdrs": "http://www.w3.org/2007/05/powder-s#",
}
"""Prefix → namespace, for prefixes that everybody uses for the same vocabulary."""

_DIRECTIVE: Final = re.compile(r"^(\s*@prefix\s+[\w.-]*:\s*<[^<>\s]*>)[ \t]*(?:;)?[ \t]*(?=\r?\n|#|$)", re.MULTILINE)
_DECLARED: Final = re.compile(r"(?:^|>[ \t]*\.)[ \t]*@?prefix\s+([\w.-]*):\s*<", re.MULTILINE | re.IGNORECASE)
_USED: Final = re.compile(r"(?<![\w<:/#.\"'@-])([A-Za-z][\w-]*):(?=[A-Za-z_])")
_TURTLE_TEXT: Final = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""|"(?:[^"\\\n]|\\.)*"|<[^<>\s]*>|^\s*#[^\n]*', re.MULTILINE | re.DOTALL
)
_XML_DECLARED: Final = re.compile(r"""xmlns:([\w.-]+)\s*=""")
_XML_USED: Final = re.compile(r"""[<\s/]([A-Za-z_][\w.-]*):[A-Za-z_][\w.-]*[\s=/>]""")
_XML_ROOT: Final = re.compile(r"<rdf:RDF\b")
_BESIDE: Final = re.compile(
    r"""(<([\w.-]+:[\w.-]+)\b[^<>]*\brdf:resource\s*=\s*(?:"[^"]*"|'[^']*')[^<>]*?)(?<!/)>([^<]*)</\2\s*>"""
)
_INSIDE: Final = re.compile(r"<rdf:RDF\b.*</rdf:RDF>", re.DOTALL)
_XMLNS: Final = re.compile(r"""\sxmlns:[\w.-]+\s*=\s*(?:"[^"]*"|'[^']*')""")
_DOCTYPE: Final = re.compile(r"<!DOCTYPE\s+[\w:.-]+\s*>", re.IGNORECASE)

SyntaxRepair = Callable[[str], tuple[str, str]]
"""The text of a file → the mended text, and a description of the repair, empty if nothing was changed."""


def prefix_dots(text: str) -> tuple[str, str]:
    """End each ``@prefix`` directive of Turtle with its dot."""
    repaired, count = _DIRECTIVE.subn(r"\1 .", text)
    return repaired, f"added the dot that ends {_times(count, '@prefix line')}" if count else ""


def turtle_prefixes(text: str) -> tuple[str, str]:
    """Declare well-known prefixes that Turtle uses without a declaration."""
    declared = set(_DECLARED.findall(text))
    used = dict.fromkeys(_USED.findall(_TURTLE_TEXT.sub(" ", text)))
    missing = [prefix for prefix in used if prefix not in declared and prefix in WELL_KNOWN]
    if not missing:
        return text, ""
    lines = "".join(f"@prefix {prefix}: <{WELL_KNOWN[prefix]}> .\n" for prefix in missing)
    return lines + text, f"declared the prefix {', '.join(missing)}"


def xml_prefixes(text: str) -> tuple[str, str]:
    """Declare well-known prefixes that RDF/XML uses without a declaration."""
    declared = set(_XML_DECLARED.findall(text))
    used = dict.fromkeys(_XML_USED.findall(text))
    missing = [prefix for prefix in used if prefix not in declared and prefix in WELL_KNOWN]
    if not missing or not _XML_ROOT.search(text):
        return text, ""
    said = " ".join(f'xmlns:{prefix}="{WELL_KNOWN[prefix]}"' for prefix in missing)
    return _XML_ROOT.sub(f"<rdf:RDF {said}", text, count=1), f"declared the prefix {', '.join(missing)}"


def text_beside_links(text: str) -> tuple[str, str]:
    """Drop the text of XML elements that are a link by ``rdf:resource``: RDF/XML allows one or the other."""
    repaired, count = _BESIDE.subn(r"\1/>", text)
    return repaired, f"left out the text beside {_times(count, 'link')} (rdf:resource)" if count else ""


def unwrap(text: str) -> tuple[str, str]:
    """Take ``rdf:RDF`` out of the enclosing answer of another protocol (CSW)."""
    inside = _INSIDE.search(text)
    if inside is None or not text[: inside.start()].rpartition("?>")[2].strip():
        return text, ""
    declared = set(_XML_DECLARED.findall(inside[0][: inside[0].find(">")]))
    outer = [one for one in _XMLNS.findall(text[: inside.start()]) if _XML_DECLARED.findall(one)[0] not in declared]
    body = _XML_ROOT.sub("<rdf:RDF" + "".join(dict.fromkeys(outer)), inside[0], count=1)
    return body, "took the RDF out of the answer that it stands in"


def bare_doctype(text: str) -> tuple[str, str]:
    """Drop a document type declaration that declares nothing."""
    repaired, count = _DOCTYPE.subn("", text)
    return repaired, "left out the document type declaration" if count else ""


TURTLE_REPAIRS: Final[tuple[SyntaxRepair, ...]] = (prefix_dots, turtle_prefixes)
XML_REPAIRS: Final[tuple[SyntaxRepair, ...]] = (bare_doctype, unwrap, xml_prefixes, text_beside_links)


def _times(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"
