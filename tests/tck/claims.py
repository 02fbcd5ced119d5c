"""The official kit of the Decentralized Claims Protocol (DCP) against nodes that are configured by settings alone.

For each part of the kit a node is made with the settings in ``PARTS`` and run as ``hansa serve``. What the kit needs
that no node offers stands beside it: the token service that it asks for the holder's tokens (DCP 1.0 leaves that to
each implementation), the request that the credentials it delivers are an answer to, and somebody who admits those who
apply, by the management API.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from node.adapters.keys import FileKeyRing
from node.base.clock import SystemClock
from node.base.errors import HansaError
from node.bootstrap.parts import open_stores, places
from node.cli.creation import create
from node.client import HansaClient, locate
from node.identity.credentials.access_tokens import AccessTokens, OutgoingTokens
from node.settings import load

MEMBER: Final = "MembershipCredential"
SENSITIVE: Final = "SensitiveDataCredential"
VC11: Final = "vc11-sl2021/jwt"
CORRELATION: Final = "kit-correlation"
START: Final = 60.0

EXPECTED: Final = {"presentation.cs": 16, "presentation.verifier": 20, "issuance.cs": 24, "issuance.issuer": 25}
"""The parts of the kit and how many tests each has."""

PARTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "presentation.cs": {"refuse_excess_scopes": True},
    "presentation.verifier": {
        "required_credentials": [MEMBER],
        "unsigned_status_lists": True,
        # One holder shows another credential in each test.
        "presentation_max_age": 0,
        "status_max_age": 0,
    },
    "issuance.cs": {},
    "issuance.issuer": {
        "issuer": True,
        "issues": [MEMBER, SENSITIVE],
        "credential_profiles": {MEMBER: VC11, SENSITIVE: VC11},
        "credential_formats": {VC11: "VC1_0_JWT"},
    },
}
"""The settings of the node for each part, beside its name, its address and that of the kit's issuer."""


@contextmanager
def serving(part: str, folder: Path, *, port: int, kit: str) -> Iterator[dict[str, str]]:
    """A node as ``part`` wants it, running; the kit's own settings for it.

    ``kit`` is the host and port where the kit listens. Raises ``AssertionError`` where the node does not start.
    """
    kit_did = f"did:web:{kit.replace(':', '%3A')}"
    created = create(
        folder,
        {
            "name": "Node of the kit",
            "public_url": f"http://localhost:{port}",
            "host": "127.0.0.1",
            "port": port,
            "allow_loopback": True,
            "log_level": "warning",
            "trust": {MEMBER: [f"{kit_did}:issuer"]},
            **PARTS[part],
        },
    )
    _ask(folder, f"{kit_did}:issuer")
    url, did = f"http://localhost:{port}", created.did
    with _process(folder), _token_service(folder) as service, _admitting(folder, part):
        members = {"callback.address": f"http://{kit}", "host": "localhost", "port": kit.rpartition(":")[2]}
        members["credentials.correlation.id"] = CORRELATION
        if part.endswith(".cs"):
            members |= {"did.holder": did, "sts.url": service, "sts.client.id": "kit", "sts.client.secret": "kit"}
        elif part == "presentation.verifier":
            members |= {"did.verifier": did, "vpp.trigger.endpoint": f"{url}/dsp/2025-1/catalog/request"}
        else:
            members["did.issuer"] = did
        yield members


def _ask(folder: Path, issuer: str) -> None:
    """Note that this node has asked ``issuer`` for a credential: the kit delivers, and has no way to be asked."""
    stores = open_stores(load(folder))
    with stores.uow.begin() as tx:
        stores.identity.note_request(
            tx, holder_pid=CORRELATION, issuer=issuer, credential_type=MEMBER, at=SystemClock().now()
        )


@contextmanager
def _process(folder: Path) -> Iterator[None]:
    """``hansa serve``, until it answers and as long as it is needed."""
    words = [sys.executable, "-m", "node.cli", "serve", str(folder)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        ends = time.monotonic() + START
        while not _answers(folder):
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < ends, "the node does not answer"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(folder: Path) -> bool:
    try:
        with HansaClient(locate(str(folder))) as client:
            client.decisions()
    except HansaError:
        return False
    return True


@contextmanager
def _token_service(folder: Path) -> Iterator[str]:
    """The holder's token service, with the node's own keys, as the kit's OpenAPI document describes it; its URL."""
    keyring, clock = FileKeyRing.open(places(folder).keys), SystemClock()
    tokens = OutgoingTokens(keyring, clock, AccessTokens(keyring, clock))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(sent).items()}
            scopes = form.get("bearer_access_scope", "").split()
            token = (
                tokens.bearer(form["audience"], scopes)
                if scopes
                else tokens.answering(form["audience"], form.get("token"))
            )
            body = json.dumps({"access_token": token, "expires_in": 300, "token_type": "Bearer"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing is told."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextmanager
def _admitting(folder: Path, part: str) -> Iterator[None]:
    """Somebody who admits everybody who applies, at once."""
    if part != "issuance.issuer":
        yield
        return
    over = threading.Event()

    def admit() -> None:
        with HansaClient(locate(str(folder))) as client:
            while not over.wait(0.2):
                with suppress(HansaError):
                    for one in client.decisions():
                        client.decide(str(one["id"]), approve=True)

    thread = threading.Thread(target=admit, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)
