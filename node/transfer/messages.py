"""The messages of the transfer process, in and out (DSP 2025-1 §9.2; JSON Schemas ``transfer/*.json``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from node.base.errors import InvalidInput
from node.dialogue import bodies, wire
from node.dialogue.message import IncomingMessage, require_text, require_type
from node.dialogue.wire import in_version
from node.semantics.conversions import Wish
from node.transfer import machine
from node.transfer.addresses import read_push_address, without_token, without_unused
from node.transfer.model import Transfer
from node.vocab.dsp import PUSH, VERSIONS, DspVersion
from node.vocab.namespaces import HANSA
from node.vocab.versions import LAST_VERSION

FILE: Final = HANSA + "file"
"""Our extra member of a request: the name of the requested file, if a dataset has several."""

VERSION: Final = HANSA + "assetVersion"
"""Our extra member of a request: the number of the requested version of the asset; without it, the newest one."""

WISH: Final = HANSA + "conversion"
"""Our extra member of a request: the format that the file is to be converted to, and its coordinate reference system
after a space, such as ``geopackage EPSG:31370``; without it, the file comes as it is."""

BRIEF: Final = frozenset({machine.START, machine.COMPLETION, machine.SUSPENSION, machine.TERMINATION})
"""Messages that need not be stored in full: once they are taken, the process has their content. Of long ones only the
head is kept."""

_REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    machine.REQUEST: ("consumerPid", "agreementId", "format", "callbackAddress"),
    machine.START: ("providerPid", "consumerPid"),
    machine.COMPLETION: ("providerPid", "consumerPid"),
    machine.SUSPENSION: ("providerPid", "consumerPid"),
    machine.TERMINATION: ("providerPid", "consumerPid"),
}


def read(raw: bytes, *types: str) -> IncomingMessage:
    """Return the message in ``raw``, which must be of a type in ``types``. Raises ``InvalidInput``."""
    body, rewritten = wire.look(raw)
    kind = require_type(body, *types)
    for member in _REQUIRED[kind]:
        require_text(body, member)
    if body.get("dataAddress") is not None:
        require_data_address(body["dataAddress"])
    return IncomingMessage(name=kind, body=body, raw=raw, rewritten=rewritten)


def require_data_address(address: Any) -> None:
    """Check a DataAddress: ``endpointType``, and properties with name and value (``data-address-schema.json``)."""
    if not isinstance(address, Mapping):
        raise InvalidInput("dataAddress must be an object")
    require_text(address, "endpointType")
    properties = address.get("endpointProperties", [])
    if not isinstance(properties, list):
        raise InvalidInput("dataAddress.endpointProperties must be an array")
    for entry in properties:
        if not isinstance(entry, Mapping):
            raise InvalidInput("each endpoint property must be an object")
        require_text(entry, "name")
        if not isinstance(entry.get("value"), str):
            raise InvalidInput("each endpoint property needs a text as its value")


def push_target(message: IncomingMessage) -> dict[str, Any] | None:
    """Return the address to which the consumer wants the bytes pushed. Raises ``InvalidInput`` if it wants a push and
    gives no address."""
    if message.body.get("format") != PUSH:
        return None
    address = message.body.get("dataAddress")
    read_push_address(address)
    return without_unused(address or {})


def without_secrets(body: Any) -> Any:
    """Return a message as people may see it: anyone with the authorization of a data address could read the bytes. A
    message that came in another form than the compact one was stored without it."""
    if not isinstance(body, Mapping):
        return body
    address = body.get("dataAddress")
    return {**body, "dataAddress": without_token(address)} if isinstance(address, Mapping) else dict(body)


def storable(raw: bytes) -> bytes:
    """Return a message as it is stored once it was taken: a reader of the database or a backup gets no access to data
    by it.

    A message without a data address is kept as it was sent; a message with one is rewritten without its secrets, with
    the members of 2025-1.
    """
    body = wire.read(raw)
    address = body.get("dataAddress")
    if not isinstance(address, Mapping):
        return raw
    plain = without_token(address)
    if not plain["endpointProperties"]:
        del plain["endpointProperties"]  # The schema wants at least one, or none at all.
    return wire.text({**body, "dataAddress": plain})


def request(transfer: Transfer, callback: str, *, file: str | None = None) -> dict[str, Any]:
    """Return a TransferRequestMessage for a pull, or for a push if the transfer has a data address."""
    message = {
        **bodies.head(transfer, machine.REQUEST),
        "consumerPid": transfer.pid,
        "agreementId": transfer.agreement,
        "format": transfer.format,
        "callbackAddress": callback,
    }
    if transfer.data_address is not None:
        message["dataAddress"] = transfer.data_address
    if file:
        message[FILE] = file
    if transfer.asset_version is not None:
        message[VERSION] = transfer.asset_version
    if transfer.wish is not None:
        message[WISH] = transfer.wish
    return message


def requested_conversion(message: IncomingMessage) -> str | None:
    """Return the conversion that a request asks for; None for the file as it is. Raises ``InvalidInput`` if there is
    none such."""
    wish = message.body.get(WISH)
    if wish is None:
        return None
    if not isinstance(wish, str):
        raise InvalidInput(f"{WISH} is not a text", remedy="send a format, such as parquet, or leave it out")
    return Wish.read(wish).text


def requested_version(message: IncomingMessage) -> int | None:
    """Return the number of the version of the asset that a request is about; None for the newest one. Raises
    ``InvalidInput`` if it is not a number of a version."""
    version = message.body.get(VERSION)
    if version is None:
        return None
    if isinstance(version, bool) or not isinstance(version, int) or not 0 < version <= LAST_VERSION:
        raise InvalidInput(
            f"{VERSION} is not the number of a version", remedy="send a whole number from 1, or leave it out"
        )
    return version


def start(transfer: Transfer, data_address: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a TransferStartMessage; a provider's start of a pull has the data address."""
    message = {**bodies.head(transfer, machine.START), **bodies.pids(transfer)}
    if data_address is not None:
        message["dataAddress"] = dict(data_address)
    return message


def completion(transfer: Transfer) -> dict[str, Any]:
    return {**bodies.head(transfer, machine.COMPLETION), **bodies.pids(transfer)}


def suspension(transfer: Transfer, code: str, reason: Sequence[Any] = ()) -> dict[str, Any]:
    return _with_reason({**bodies.head(transfer, machine.SUSPENSION), **bodies.pids(transfer), "code": code}, reason)


def termination(transfer: Transfer, code: str, reason: Sequence[Any] = ()) -> dict[str, Any]:
    return _with_reason({**bodies.head(transfer, machine.TERMINATION), **bodies.pids(transfer), "code": code}, reason)


def acknowledgement(transfer: Transfer) -> dict[str, Any]:
    """Return a TransferProcess: the state as the peer may see it."""
    body = {
        "@context": [VERSIONS[transfer.version].context],
        "@type": "TransferProcess",
        "@id": transfer.pid,
        **bodies.pids(transfer),
        "state": transfer.state,
    }
    return in_version(body)


def error(
    version: DspVersion, *, provider_pid: str, consumer_pid: str, code: str, reason: Sequence[Any]
) -> dict[str, Any]:
    """Return a TransferError."""
    return bodies.error(
        "TransferError",
        version,
        provider_pid=provider_pid,
        consumer_pid=consumer_pid,
        code=code,
        reason=reason,
    )


def refusal(transfer: Transfer, code: str, reason: Sequence[Any]) -> dict[str, Any]:
    """Return the error for a peer whose message in this transfer is refused."""
    return bodies.refusal("TransferError", transfer, code, reason)


def path(name: str, peer_pid: str | None) -> str:
    """Return the path of the message below the peer's base (DSP 2025-1 §10.2, §10.3)."""
    if peer_pid is None:
        return {machine.REQUEST: "/transfers/request"}[name]
    return (
        f"/transfers/{quote(peer_pid, safe=':')}"
        + {
            machine.START: "/start",
            machine.COMPLETION: "/completion",
            machine.SUSPENSION: "/suspension",
            machine.TERMINATION: "/termination",
        }[name]
    )


def _with_reason(message: dict[str, Any], reason: Sequence[Any]) -> dict[str, Any]:
    if reason:
        message["reason"] = list(reason)
    return message
