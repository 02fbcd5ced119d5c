"""The requests of a reader as keys and values, whose keys have no case (OGC 06-121r9 §11.5.2)."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import quote, urlencode

from node.adapters.datasources.requests import check_address
from node.adapters.egress.client import Egress
from node.base.errors import HansaError, InvalidInput
from node.datasources.model import Setup
from node.datasources.ports import Parameters

MAP: Final = "map"
"""The option for servers that have their project in the query: MapServer and QGIS Server."""
_MAP: Final = re.compile(r"[A-Za-z0-9_./:~-]{1,200}", re.ASCII)
_CODES: Final = {
    "operation": "OperationNotSupported",
    "missing": "MissingParameterValue",
    "version": "VersionNegotiationFailed",
    "value": "InvalidParameterValue",
}


class Keywords:
    """The parameters of one request. Raises ``InvalidInput`` for a key that is there twice."""

    def __init__(self, parameters: Parameters) -> None:
        self._pairs: dict[str, str] = {}
        for name, value in parameters:
            if name.lower() in self._pairs:
                raise refusal("value", f"{name[:60]} is there twice", locator=name)
            self._pairs[name.lower()] = value

    def get(self, *names: str) -> str:
        """Return the value of the first of these keys that has one; empty without any."""
        return next((value for name in names if (value := self._pairs.get(name, ""))), "")

    def require(self, *names: str) -> str:
        """Return the value of one of these keys. Raises ``InvalidInput`` if there is none."""
        value = self.get(*names)
        if not value:
            raise refusal("missing", f"the request has no {names[0]}", locator=names[0])
        return value

    def check(self, operation: str, names_known: Collection[str]) -> None:
        """Raise ``InvalidInput`` for a key that is none of these: the harmless ones are listed."""
        for name in self._pairs:
            if name not in names_known:
                names = ", ".join(sorted(names_known))
                raise refusal("value", f"{operation} has no {name[:60]!r} here", f"it knows: {names}", name)

    def choose(self, *names: str) -> Parameters:
        """Return the pairs of these keys that have a value."""
        return tuple((name, self._pairs[name]) for name in names if self._pairs.get(name))


def operation_of(keywords: Keywords, service: str, operations: Collection[str]) -> str:
    """Return the operation of a request to ``service``; without any, ``GetCapabilities``. Raises ``InvalidInput`` for
    another service, and for an operation that is not given."""
    name = keywords.get("service")
    if name and name.upper() != service:
        raise refusal("value", f"this is a {service}", f"ask with service={service}", "service")
    request = keywords.get("request").lower()
    if not request:
        return "GetCapabilities"
    operation = next((name for name in operations if name.lower() == request), None)
    if operation is None:
        names = ", ".join(operations)
        raise refusal("operation", f"{request[:60]!r} is not given here", f"it answers: {names}", "request")
    return operation


def is_description(parameters: Parameters, uses: Collection[str]) -> bool:
    """Return whether a request asks for none of the operations in ``uses``, which give data."""
    request = next((value.lower() for name, value in parameters if name.lower() == "request"), "")
    return request not in {name.lower() for name in uses}


def refusal(kind: str, detail: str, remedy: str = "", locator: str = "") -> InvalidInput:
    """Return the error about a request. ``locator`` names the parameter that is wrong."""
    facts = {"exceptionCode": _CODES[kind], "locator": locator[:60]}
    return InvalidInput(detail, remedy=remedy or "ask for GetCapabilities to see what there is", facts=facts)


def exception_code(error: HansaError) -> tuple[str, str]:
    """Return the code of an error for clients (OGC 06-121r9 §8), and its locator."""
    return str(error.facts.get("exceptionCode", "NoApplicableCode")), str(error.facts.get("locator", ""))


def service_address(egress: Egress, setup: Setup) -> str:
    """Return the address of a service with ``?``, and its ``map``. Raises ``InvalidInput``, ``ForbiddenAddress``."""
    address = check_address(egress, setup.address)
    place = address if setup.address.endswith("/") else address.rstrip("/")
    if MAP not in setup.options:
        return f"{place}?"
    if not _MAP.fullmatch(setup.options[MAP]):
        raise InvalidInput("this is no name of a map", remedy="such as --option map=/srv/city.map")
    return f"{place}?map={quote(setup.options[MAP], safe='/')}&"


def query(address: str, *parameters: tuple[str, str]) -> str:
    """Return the URL of a request at ``address``, which ends with ``?`` or ``&``."""
    return f"{address}{urlencode(parameters, quote_via=quote)}"


def shows_its_host(value: str, host: str) -> bool:
    """Return whether a text is an address at the host of the source, which stays here."""
    return value == host or value.startswith((f"{host}/", f"{host}?"))
