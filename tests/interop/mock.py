"""EDC's mock identity, as plug-ins of a node: a header that says who sends it, and proves nothing.

``Authorization: {"clientId": "<sender>", "region": "eu", "audience": "<receiver>"}``. Only ``build`` can be given
these; no setting leads here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection

from node.base.errors import Unauthenticated
from node.identity.did import did_of
from node.identity.model import Caller, DidDocument
from tests.interop.edc import Edc


@dataclass
class MockIdentity:
    """The identity of one EDC for one node. ``version``: of which protocol version its document tells the address."""

    edc: Edc
    version: str = "2025-1"
    me: str = ""

    def options(self) -> dict[str, Any]:
        """What ``node.bootstrap.build.build`` is given."""
        return {
            "authenticators": (self.authenticate,),
            "outgoing": self.outgoing,
            "documents": lambda participant: self.document() if participant == self.edc.did else None,
        }

    async def authenticate(self, request: HTTPConnection) -> Caller | None:
        """The EDC, where the request says that it comes from it."""
        sent = request.headers.get("authorization", "")
        if not sent.startswith("{"):
            return None
        try:
            claims = json.loads(sent)
        except ValueError as error:
            raise Unauthenticated("this is not a token of EDC's mock identity") from error
        if claims.get("clientId") != self.edc.did:
            raise Unauthenticated(f"EDC's mock identity names somebody else: {claims.get('clientId')}")
        return Caller(did=self.edc.did)

    def outgoing(self, participant: str) -> str | None:
        if participant != self.edc.did:
            return None
        return json.dumps({"clientId": self.me, "region": "eu", "audience": participant})

    def document(self) -> DidDocument:
        """What a DID document of the EDC would say."""
        address = self.edc.address(self.version)
        service = {"id": "#catalog", "type": "CatalogService", "serviceEndpoint": f"{address}/catalog"}
        return DidDocument(id=did_of(self.edc.origin), raw={"id": self.edc.did, "service": [service]})
