"""The official conformance kit of the Decentralized Claims Protocol, against our doors over real HTTP.

Release 1.0.0-RC6, all four parts, 85 tests. Run ``shared/kits/run fetch`` once to have it. What the kit needs
that a node does not offer by itself is made here: the token service that it asks for our tokens, an outstanding
request for the credentials that it delivers, and somebody who approves what it applies for.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from node.identity.credentials.issuance import SupportedCredential
from node.identity.messages import VC11
from tests.artefacts import SHARED
from tests.simulator.dcp_node import MEMBER, DcpNode, nodes
from tests.simulator.http_servers import Address

CACHE = Path(os.environ.get("KITS_CACHE", Path.home() / ".cache" / "hansa-kits"))
RUN = SHARED / "kits" / "run"
CORRELATION = "kit-correlation"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RUN.exists(), reason="the conformance kits are not at hand: set HANSA_SHARED"),
    pytest.mark.skipif(
        not (CACHE / "dcp" / ".done").exists(), reason="the DCP kit was not fetched: shared/kits/run fetch"
    ),
]


def node_for(part: str, kit: str) -> Any:
    """A node as the part of the kit needs it; the kit's own issuer is trusted for its credential."""
    options: dict[str, dict[str, Any]] = {
        "presentation.verifier": {
            "required_types": [MEMBER],
            "allow_unsigned_status_list": True,
            "status_max_age": 0,
            "presentation_max_age": -1,  # one holder shows another credential in each test
        },
        "presentation.cs": {"refuse_excess": True},
        "issuance.cs": {},
        "issuance.issuer": {
            "issues": [
                SupportedCredential(credential_type=MEMBER, profile=VC11, format="VC1_0_JWT"),
                SupportedCredential(credential_type="SensitiveDataCredential", profile=VC11, format="VC1_0_JWT"),
            ]
        },
    }

    def make(address: Address) -> DcpNode:
        node = DcpNode(address, **options[part])
        node.trust.replace({MEMBER: [f"{kit}:issuer"]})

        async def token_service(request: Request) -> Response:
            """The holder's token service, as the kit's OpenAPI document describes it (DCP 1.0, not normative)."""
            form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
            scopes = form.get("bearer_access_scope", "").split()
            token = (
                node.tokens.bearer(form["audience"], scopes)
                if scopes
                else node.tokens.answering(form["audience"], form.get("token"))
            )
            return JSONResponse({"access_token": token, "expires_in": 300, "token_type": "Bearer"})

        node.app.routes.append(Route("/sts/token", token_service, methods=["POST"]))
        with node.uow.begin() as tx:
            node.store.note_request(
                tx,
                holder_pid=CORRELATION,
                issuer=f"{kit}:issuer",
                credential_type=MEMBER,
                at=node.clock.now(),
            )
        return node

    return make


@asynccontextmanager
async def approving(node: DcpNode) -> AsyncIterator[None]:
    """Somebody who approves at once, and a worker."""

    async def approve() -> None:
        while True:
            await node.approve_all()
            await asyncio.sleep(0.1)

    task = asyncio.create_task(approve())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("part", ["presentation.verifier", "presentation.cs", "issuance.cs", "issuance.issuer"])
async def test_all_passed(part: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    kit = f"did:web:localhost%3A{port}"
    async with nodes(node_for(part, kit)) as (node,), approving(node):
        settings = {
            "callback.address": f"http://localhost:{port}",
            "host": "localhost",
            "port": str(port),
            "credentials.correlation.id": CORRELATION,
        }
        if part in ("presentation.cs", "issuance.cs"):
            settings |= {
                "did.holder": node.did,
                "sts.url": f"{node.url}/sts",
                "sts.client.id": "kit",
                "sts.client.secret": "kit",
            }
        if part == "presentation.verifier":
            settings |= {"did.verifier": node.did, "vpp.trigger.endpoint": f"{node.url}/whoami"}
        if part == "issuance.issuer":
            settings |= {"did.issuer": node.did}
        config = tmp_path / "kit.properties"
        config.write_text("".join(f"dataspacetck.{name}={value}\n" for name, value in settings.items()))
        process = await asyncio.create_subprocess_exec(str(RUN), "dcp", str(config), part)
        try:
            status = await asyncio.wait_for(process.wait(), 120)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if status == 3:
        pytest.skip("the kit needs java and mvn")
    told = capfd.readouterr().out
    assert status == 0, "\n".join(line for line in told.splitlines() if "FAIL" in line or "passed" in line)
