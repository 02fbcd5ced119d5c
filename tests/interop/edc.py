"""Eclipse EDC 0.15.1 as a process of its own, and its management API (``shared/kits/edc``)."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from tests import waits
from tests.artefacts import SHARED
from tests.postgres import CannotBeHad as CannotBeHad  # noqa: PLC0414 - whoever asks for EDC may be told so

KIT: Final = SHARED / "kits" / "edc" / "edc"
CACHE: Final = Path(os.environ.get("KITS_CACHE", Path.home() / ".cache" / "hansa-kits"))
EDC_NS: Final = "https://w3id.org/edc/v0.0.1/ns/"
CONTEXT: Final = {"@vocab": EDC_NS, "odrl": "http://www.w3.org/ns/odrl/2/"}
ODRL: Final = "http://www.w3.org/ns/odrl.jsonld"
PATHS: Final = {"2025-1": "/2025-1", "2024/1": "/2024/1"}
PATIENCE: Final = 100.0
"""Within so many seconds a state is reached: after a refused message, EDC holds its process for 60."""
RECOVERY: Final = 180.0
"""How long EDC may take with a node that was away: it tries again after one second, two, four …"""
QUICK: Final = "edc.core.retry.retries.max=0"
"""Its data plane holds its own loop while it tries again to send what has been suspended meanwhile."""
T = TypeVar("T")


def require_edc() -> None:
    """Raises ``CannotBeHad`` where there is no JDK, no Maven, or no kit."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing:
        raise CannotBeHad(f"EDC needs a JDK (17 or newer) and Maven; not found: {', '.join(missing)}")
    if not KIT.exists():
        raise CannotBeHad(f"EDC is not at hand: no {KIT}; set HANSA_SHARED")


@dataclass(frozen=True)
class Edc:
    """A running EDC. Its participant id is the ``did:web`` of the origin that its protocol is served at, so that the
    addresses of its assets tell whose they are, as those of every node do."""

    port: int
    busy: list[str] = field(default_factory=list)
    """The calls of its management API that it did not take at once, for its own work on the process went on."""

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port + 3}"

    @property
    def did(self) -> str:
        return f"did:web:localhost%3A{self.port + 3}"

    def address(self, version: str) -> str:
        """Where its protocol paths of this version hang."""
        return f"{self.origin}/protocol{PATHS[version]}"

    def asset(self, name: str) -> str:
        return f"{self.origin}/datasets/{name}"

    # ---- management ------------------------------------------------------------------------------------------

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One call of the management API. Raises ``AssertionError`` with what EDC says.

        It answers 409 while it works on the process itself; its operators call again, and so do we.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            status, text = self._asked(method, path, body)
            if 200 <= status < 300:
                return json.loads(text) if text else None
            if status != 409 or b"leased" not in text or time.monotonic() > deadline:
                raise AssertionError(f"EDC: {method} {path}: {status} {text[:800]!r}")
            self.busy.append(f"{method} {path}")
            time.sleep(0.2)

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        request = urllib.request.Request(
            f"http://localhost:{self.port + 2}/management/v3{path}",
            method=method,
            headers={"Content-Type": "application/json"},
            data=None if body is None else json.dumps({"@context": CONTEXT, **body}).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def seed(self, source: str, *, extra: int) -> None:
        """Assets whose bytes come from ``source``: ``counters`` and ``extra`` more that
        everybody may use."""
        policy = {"@context": ODRL, "@type": "Set", "permission": [{"action": "use"}]}
        self.call("POST", "/policydefinitions", {"@id": "open", "policy": policy})
        for name in ("counters", *(f"more-{number}" for number in range(extra))):
            where = {"type": "HttpData", "baseUrl": f"{source}/{name}"}
            asset = {"@id": self.asset(name), "properties": {"name": name}, "dataAddress": where}
            self.call("POST", "/assets", asset)
        definition = {"@id": "open", "accessPolicyId": "open", "contractPolicyId": "open", "assetsSelector": []}
        self.call("POST", "/contractdefinitions", definition)

    def catalog(self, peer: str, address: str, version: str, **query: Any) -> Sequence[dict[str, Any]]:
        """The datasets of a peer's catalogue, as EDC's management API tells them."""
        asked: dict[str, Any] = {
            **_peer(peer, address, version),
        }
        if query:
            asked["querySpec"] = query
        found = self.call("POST", "/catalog/request", asked)
        return several(found.get("dataset") or found.get("dcat:dataset"))

    def dataset(self, peer: str, address: str, version: str, iri: str) -> dict[str, Any]:
        """One dataset of a peer's catalogue."""
        asked = {**_peer(peer, address, version), "@id": iri}
        found: dict[str, Any] = self.call("POST", "/catalog/dataset/request", asked)
        return found

    def negotiate(
        self,
        peer: str,
        address: str,
        version: str,
        dataset: Mapping[str, Any],
        wished: Mapping[str, Any] | None = None,
    ) -> str:
        """Begin a negotiation about the first offer of ``dataset``, as it stands in the catalogue or with the rules
        ``wished``; its id."""
        offer = first(dataset.get("hasPolicy") or dataset["odrl:hasPolicy"])
        rules = offer if wished is None else {"@id": offer["@id"], **wished}
        policy = {
            **rules,
            "@context": ODRL,
            "@type": "odrl:Offer",
            "assigner": {"@id": peer},
            "target": {"@id": dataset["@id"]},
        }
        begun = self.call(
            "POST",
            "/contractnegotiations",
            {
                "@type": "ContractRequest",
                **_peer(peer, address, version),
                "policy": policy,
            },
        )
        return str(begun["@id"])

    def agreement(self, negotiation: Mapping[str, Any]) -> dict[str, Any]:
        """The agreement of a negotiation of EDC's, as EDC keeps it."""
        found: dict[str, Any] = self.call("GET", f"/contractagreements/{negotiation['contractAgreementId']}")
        return found

    def transfer(
        self,
        peer: str,
        address: str,
        version: str,
        agreement: str,
        *,
        kind: str,
        events: str,
        sink: str | None = None,
    ) -> str:
        """Ask for the bytes of an agreement; ``events`` is told when the transfer starts; its id."""
        asked: dict[str, Any] = {
            "@type": "TransferRequest",
            **_peer(peer, address, version),
            "contractId": agreement,
            "transferType": kind,
            "callbackAddresses": [{"uri": events, "events": ["transfer.process"], "transactional": False}],
        }
        if sink is not None:
            asked["dataDestination"] = {"type": "HttpData", "baseUrl": sink}
        return str(self.call("POST", "/transferprocesses", asked)["@id"])

    def negotiation(self, pid: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/contractnegotiations/{pid}")
        return found

    def process(self, pid: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/transferprocesses/{pid}")
        return found

    def suspend(self, pid: str) -> None:
        self.call(
            "POST", f"/transferprocesses/{pid}/suspend", {"@id": pid, "@type": "SuspendTransfer", "reason": "a test"}
        )

    def end(self, kind: str, pid: str) -> None:
        """Terminate a process: ``kind`` is ``contractnegotiations`` or ``transferprocesses``."""
        what = "TerminateNegotiation" if kind == "contractnegotiations" else "TerminateTransfer"
        self.call("POST", f"/{kind}/{pid}/terminate", {"@id": pid, "@type": what, "reason": "a test"})

    def by_peer_pid(self, kind: str, pid: str) -> dict[str, Any] | None:
        """EDC's side of a process of ours: ``kind`` is ``contractnegotiations`` or ``transferprocesses``."""
        criterion = {"operandLeft": "correlationId", "operator": "=", "operandRight": pid}
        found = self.call("POST", f"/{kind}/request", {"@type": "QuerySpec", "filterExpression": [criterion]})
        return found[0] if found else None

    def reaches(self, kind: str, pid: str, *states: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait until a process of EDC's is in one of ``states``; how it is then."""
        known: list[str] = []

        def look() -> dict[str, Any] | None:
            process: dict[str, Any] = self.call("GET", f"/{kind}/{pid}")
            if not known or known[-1] != process["state"]:
                known.append(process["state"])
            return process if process["state"] in states else None

        try:
            return until(f"EDC's process is {' or '.join(states)}", look, seconds)
        except AssertionError as late:
            raise AssertionError(
                f"{late}; it went {' → '.join(known)}: {self.call('GET', f'/{kind}/{pid}')}"
            ) from None


def words_for_edc(server: URL | None) -> tuple[str, ...]:
    """What has EDC keep its state in an empty database at ``server``, or in memory."""
    if server is None:
        return ()
    name = f"edc_{uuid.uuid4().hex[:12]}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT", pool_size=1)
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    finally:
        engine.dispose()
    address = f"jdbc:postgresql://{server.host}:{server.port}/{name}"
    return ("--postgres", address, server.username or "", server.password or "")


def protocol(version: str) -> str:
    """What EDC calls a version."""
    return f"dataspace-protocol-http:{version}"


def _peer(did: str, address: str, version: str) -> dict[str, str]:
    return {"counterPartyAddress": address, "counterPartyId": did, "protocol": protocol(version)}


def first(value: Any) -> Any:
    return value[0] if isinstance(value, list) else value


def several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def until(what: str, condition: Callable[[], T | None], seconds: float = PATIENCE) -> T:
    """As ``tests.waits.until``, with the patience that EDC needs."""
    return waits.until(what, condition, seconds, pause=0.05)


@contextmanager
def running_edc(*words: str) -> Iterator[Edc]:
    """An EDC at free ports; ``words`` go on to the kit's command. Raises ``CannotBeHad`` where it does not start."""
    require_edc()
    port = free_ports()
    name = f"interop-{os.getpid()}-{port}"
    edc = Edc(port)
    started = subprocess.run(
        [str(KIT), "up", name, str(port), "--set", f"edc.participant.id={edc.did}", "--set", QUICK, *words],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    try:
        if started.returncode != 0:
            raise CannotBeHad(
                (started.stderr.strip() or started.stdout.strip() or "EDC did not start").splitlines()[-1]
            )
        yield edc
    finally:
        subprocess.run([str(KIT), "down", name], capture_output=True, check=False)


def free_ports(more: int = 5) -> int:
    """A port after which so many more are free."""
    for _ in range(50):
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            port = int(reserved.getsockname()[1])
        if port < 65000 and all(_is_free(port + offset) for offset in range(1, more + 1)):
            return port
    raise CannotBeHad(f"there are no {more + 1} free ports in a row")


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
