"""The parts of a connection with a node that both clients share: headers, errors, pieces of files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import httpx2

from node.base.errors import HansaError, PeerUnreachable
from node.base.plaintext import word
from node.client.calls import Call
from node.client.locate import NodeAddress, trust_of

PIECE: Final = 1 << 20
CONNECTIONS: Final = 64
"""The connections that an asynchronous client opens at the same time; further requests wait for one."""

READY: Final = Call("GET", "/ready", lambda answer: str(answer.text), {"timeout": 2})


class Refusal(HansaError):
    """The node refused the request. ``problem`` is its RFC 9457 document."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(
            str(problem.get("detail") or problem.get("title") or f"the node answered {status}"),
            remedy=str(problem.get("remedy") or ""),
            facts=dict(problem),
        )
        self.http_status = status
        self.problem = dict(problem)


def settings_of(address: NodeAddress, timeout: float) -> dict[str, Any]:
    """Return the settings of an HTTP client for the node at ``address``."""
    headers = {"User-Agent": "hansa-client"}
    if address.token:
        headers["Authorization"] = f"Bearer {address.token}"
    return {
        "base_url": address.url,
        "headers": headers,
        "timeout": timeout,
        "trust_env": False,
        "verify": trust_of(address),
    }


def request_of(call: Call[Any], body: Any = None) -> dict[str, Any]:
    """Return the arguments of an HTTP client for ``call``. ``body`` yields the pieces of the file that it sends."""
    options = {**call.options, "params": dict(call.options.get("params") or {})}
    return {"method": call.method, "url": call.url, **options, **({} if body is None else {"content": body})}


def check(answer: httpx2.Response) -> None:
    """Raise ``Refusal`` for the answer to a refused request. Its body has been read."""
    if answer.status_code < 400:
        return
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    raise Refusal(answer.status_code, problem if isinstance(problem, dict) else {})


def silence(address: NodeAddress) -> PeerUnreachable:
    """Return the error for a node that does not answer."""
    folder = "" if address.folder is None else word(address.folder)
    return PeerUnreachable(
        f"the node at {address.url} does not answer", remedy="is it running? hansa serve " + folder
    )


def interruption(address: NodeAddress) -> PeerUnreachable:
    """Return the error for a connection that breaks while the answer arrives."""
    return PeerUnreachable(f"the connection with the node at {address.url} broke", remedy="do the same again")


def parse_line(text: str) -> dict[str, Any]:
    """Return a line of an answer, which is a JSON object."""
    return dict(json.loads(text))
