"""Read answers of catalogue services of the OGC: CSW 2.0.2 (OGC 07-006r1) and CSW 3.0 (OGC 12-176r7).

The capabilities name the schemas in which a server has its records: DCAT is preferred, then ISO 19139, then Dublin
Core.
"""

from __future__ import annotations

from typing import Final

from node.base.errors import HansaError, InvalidInput
from node.semantics.harvest.refusals import source_fault
from node.semantics.harvest.xml.elements import Element, attribute, children, split, text, texts
from node.semantics.harvest.xml.requests import csw_address, query

ROWS: Final = 100
"""Records per request: records of ISO 19139 have 30 kB and more."""
NAMESPACES: Final = ("http://www.opengis.net/cat/csw/2.0.2", "http://www.opengis.net/cat/csw/3.0")
RECORDS: Final = frozenset({"Record", "SummaryRecord", "BriefRecord"})
_REPEATED: Final = (
    "service", "version", "request", "typeNames", "resultType", "elementSetName", "outputSchema", "maxRecords",
)  # fmt: skip
"""Parameters of a request that the request for the next page has again."""
_SCHEMAS: Final = ("http://www.w3.org/ns/dcat#", "http://www.isotc211.org/2005/gmd")


def first_records(capabilities: Element, url: str) -> str:
    """Return the address of the first records of the server that sent ``capabilities`` from ``url``."""
    version = attribute(capabilities, "version")
    latest = version.startswith("3.")
    links = {
        schema
        for operation in capabilities.iterfind("{*}OperationsMetadata/{*}Operation")
        if attribute(operation, "name") == "GetRecords"
        for parameter in operation.iterfind("{*}Parameter")
        if attribute(parameter, "name").lower() == "outputschema"
        for schema in (*texts(parameter, "{*}Value"), *texts(parameter, "{*}AllowedValues/{*}Value"))
    }
    schema = next((name for name in _SCHEMAS if name in links), NAMESPACES[latest])
    parameters = {
        "service": "CSW",
        "version": version or "2.0.2",
        "request": "GetRecords",
        "typeNames": "csw30:Record" if latest else "csw:Record",
        "resultType": "results",
        "elementSetName": "full",
        "outputSchema": schema,
        "maxRecords": query(url).get("maxrecords", str(ROWS)),
        "startPosition": "1",
    }
    if latest:
        # CSW 3.0 has no kinds of results any more.
        del parameters["resultType"]
    return csw_address(url, parameters)


def title(capabilities: Element) -> str:
    """Return the title of a server."""
    return text(capabilities.find("{*}ServiceIdentification/{*}Title"))


def results(response: Element) -> tuple[Element, int | None]:
    """Return the element with the records of an answer, and how many records there are in all."""
    element = response if split(response.tag)[1] == "GetRecordByIdResponse" else response.find("{*}SearchResults")
    if element is None:
        raise source_fault(InvalidInput, "no-results")
    return element, _number(element, "numberOfRecordsMatched")


def next_records(results_: Element, url: str) -> str:
    """Return the address of the records after those of the answer from ``url``, empty if they were the last.

    Servers count wrongly: an answer without records is the last, and so is one whose next record comes before it.
    """
    following, matches = _number(results_, "nextRecord"), _number(results_, "numberOfRecordsMatched")
    parameters_of_url = query(url)
    start = parameters_of_url.get("startposition", "")
    empty = not any(True for _ in children(results_))
    if not following or empty or not start.isdecimal() or following <= int(start[:9]):
        return ""
    if matches is not None and following > matches:
        return ""
    parameters = {name: parameters_of_url[name.lower()] for name in _REPEATED if name.lower() in parameters_of_url}
    return csw_address(url, {**parameters, "startPosition": str(following)})


def record_address(url: str, identifier: str) -> str:
    """Return the address at which the server at ``url`` shows the record with this identifier."""
    parameters = {"service": "CSW", "version": query(url).get("version", "2.0.2"), "request": "GetRecordById"}
    return csw_address(url, {**parameters, "elementSetName": "full", "id": identifier})


def complaint(report: Element) -> HansaError:
    """Return the error that a server reports."""
    reasons = [text(each) or attribute(each, "exceptionCode") for each in report.iter() if _is_exception(each)]
    message = " ".join(" ".join(reasons).split())[:300] or "an error without a reason"
    return source_fault(InvalidInput, "server", reason=message)


def _is_exception(element: Element) -> bool:
    return split(element.tag)[1] in ("Exception", "ServiceException")


def _number(element: Element, name: str) -> int | None:
    stated = attribute(element, name)
    return int(stated) if stated.isdecimal() and len(stated) < 10 else None
