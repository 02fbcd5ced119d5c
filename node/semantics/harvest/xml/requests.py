"""Addresses of requests to catalogue services of the OGC (CSW) and to repositories with OAI-PMH.

Parameters of the protocol are replaced; others, such as the name of a map, belong to the address of the server.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

_CSW: Final = frozenset(
    {
        "service", "request", "version", "acceptversions", "sections", "acceptformats", "resulttype", "typenames",
        "elementsetname", "outputschema", "outputformat", "maxrecords", "startposition", "namespace", "id",
    }
)  # fmt: skip
_OAI: Final = frozenset({"verb", "metadataprefix", "resumptiontoken", "identifier"})
_SELECTION: Final = frozenset({"set", "from", "until"})
"""Parameters of a list of OAI-PMH; a request with a token has no other one (OAI-PMH 2.0, §4.5)."""
_CSW_PATH: Final = re.compile(r".*/csw[^/]*/?", re.IGNORECASE)
_OAI_PATH: Final = re.compile(r".*/oai(2|-?pmh|/request)?/?", re.IGNORECASE)


def is_csw(url: str) -> bool:
    """Return whether ``url`` is an address of a CSW server: it says so, or its path ends in ``/csw``."""
    return query(url).get("service", "").lower() == "csw" or _CSW_PATH.fullmatch(urlsplit(url).path) is not None


def is_oai(url: str) -> bool:
    """Return whether ``url`` is an address of OAI-PMH: it has a verb, or its path ends in ``/oai``."""
    parameters = query(url)
    return (
        "verb" in parameters
        or parameters.get("mode", "").lower() == "oaipmh"
        or _OAI_PATH.fullmatch(urlsplit(url).path) is not None
    )


def entrance(url: str) -> str:
    """Return the address at which a server says how its records are read; empty for an address of another kind."""
    if is_oai(url):
        return oai_address(url, {"verb": "ListMetadataFormats"})
    if not is_csw(url):
        return ""
    parameters_of_url = query(url)
    version = parameters_of_url.get("version") or parameters_of_url.get("acceptversions") or "2.0.2,3.0.0"
    parameters = {"service": "CSW", "request": "GetCapabilities", "acceptVersions": version}
    if "maxrecords" in parameters_of_url:
        # The number of records in a page, for the requests that follow.
        parameters["maxRecords"] = parameters_of_url["maxrecords"]
    return csw_address(url, parameters)


def csw_address(url: str, parameters: Mapping[str, str]) -> str:
    """Return the address of a request with these parameters to the CSW server at ``url``."""
    return _with(url, parameters, _CSW)


def oai_address(url: str, parameters: Mapping[str, str]) -> str:
    """Return the address of a request with these parameters to the repository at ``url``."""
    return _with(url, parameters, _OAI | _SELECTION if "resumptionToken" in parameters else _OAI)


def query(url: str) -> dict[str, str]:
    """Return the parameters in ``url``, their names in small letters."""
    return {name.lower(): value for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True)}


def _with(url: str, parameters: Mapping[str, str], names: Container[str]) -> str:
    parts = urlsplit(url)
    others = [(n, value) for n, value in parse_qsl(parts.query, keep_blank_values=True) if n.lower() not in names]
    stated = urlencode([*others, *parameters.items()], quote_via=quote)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, stated, ""))
