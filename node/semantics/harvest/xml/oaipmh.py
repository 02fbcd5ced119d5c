"""Read answers of repositories with OAI-PMH 2.0.

The formats that a repository offers come first: RDF and ISO 19139 are preferred to Dublin Core. Records that are
marked as deleted are not listed, and so they are withdrawn here like all records that a source no longer lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from node.base.errors import InvalidInput
from node.semantics.harvest.refusals import source_fault
from node.semantics.harvest.xml.elements import Element, attribute, split, text
from node.semantics.harvest.xml.requests import oai_address, query

NAMESPACE: Final = "http://www.openarchives.org/OAI/2.0/"
_FORMATS: Final = ("dcat_ap", "dcat-ap", "dcat", "rdf", "iso19139", "oai_dc")
_DATA: Final = ("data", "collection", "service")


def next_records(answer: Element, url: str) -> str:
    """Return the address of the records that follow the answer from ``url``, empty if there are none."""
    if (formats := answer.find("{*}ListMetadataFormats")) is not None:
        offered = [text(each) for each in formats.iterfind("{*}metadataFormat/{*}metadataPrefix")]
        prefix = next((name for name in _FORMATS if name in offered), "oai_dc")
        return oai_address(url, {"verb": "ListRecords", "metadataPrefix": prefix})
    token = text(answer.find("{*}ListRecords/{*}resumptionToken"))
    # pycsw ends a list with the token 0.
    ended = token in ("", "0")
    return "" if ended else oai_address(url, {"verb": "ListRecords", "resumptionToken": token})


def records(answer: Element, url: str) -> Iterator[tuple[Element, str, str]]:
    """Yield the description, the identifier and the address of each record in an answer from ``url``.

    Deleted records are left out. Raises ``InvalidInput`` if the repository reports an error.
    """
    for error in answer.iterfind("{*}error"):
        if attribute(error, "code") != "noRecordsMatch":
            reason = " ".join(f"{attribute(error, 'code')} {text(error)}".split())[:300]
            raise source_fault(InvalidInput, "repository", reason=reason)
    prefix = query(url).get("metadataprefix", "oai_dc")
    for record in answer.iterfind("{*}ListRecords/{*}record"):
        header = record.find("{*}header")
        description = next(iter(record.iterfind("{*}metadata/*")), None)
        if header is None or description is None or attribute(header, "status") == "deleted":
            continue
        identifier = text(header.find("{*}identifier"))
        page = oai_address(url, {"verb": "GetRecord", "metadataPrefix": prefix, "identifier": identifier})
        yield description, identifier, page


def expected_count(answer: Element) -> int | None:
    """Return how many records the repository has in all, if it says so."""
    token = answer.find("{*}ListRecords/{*}resumptionToken")
    stated = "" if token is None else attribute(token, "completeListSize")
    return int(stated) if stated.isdecimal() and len(stated) < 10 else None


def is_data(description: Element) -> bool:
    """Return whether a record in Dublin Core is about data: repositories list publications and pictures too."""
    kinds = [kind for each in description if split(each.tag)[1] == "type" and (kind := text(each).lower())]
    return not kinds or any(word in kind for kind in kinds for word in _DATA)
