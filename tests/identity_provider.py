"""An OpenID provider in this process that does as a test says, also what a provider must not do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT = "hansa"
SECRET = "a secret of the client"
GROUPS = {"stewards": ["steward", "signatory"], "staff": ["auditor"]}


class FakeProvider:
    """``claims`` and ``header`` change the next ID tokens (None: the claim is left out); ``key`` signs them."""

    def __init__(self) -> None:
        self.keys = [RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})]
        self.key = self.keys[0]
        self.claims: dict[str, Any] = {}
        self.algorithm = "RS256"
        self.issuer = ""
        self.metadata: dict[str, Any] = {}
        self.delay = 0.0
        self.broken = False
        self.codes: dict[str, dict[str, str]] = {}
        self.redeemed: list[dict[str, str]] = []

    def authorize(self, address: str, person: str = "anna") -> tuple[str, str]:
        """Sign ``person`` in at the address to which the node led the browser; return code and state."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = {**query, "person": person}
        return code, query["state"]

    def id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": asked["person"],
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "preferred_username": asked["person"],
            "name": asked["person"].title(),
            "groups": ["stewards", "staff"],
            "sid": f"session of {asked['person']}",
            **self.claims,
        }
        return self.signed({name: value for name, value in claims.items() if value is not None})

    def logout_token(self, **changes: Any) -> str:
        now = int(time.time())
        event = {"http://schemas.openid.net/event/backchannel-logout": {}}
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "j1", "events": event}
        return self.signed({name: value for name, value in {**claims, **changes}.items() if value is not None})

    def signed(self, claims: dict[str, Any]) -> str:
        if self.algorithm == "none":
            parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
            return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."
        if self.algorithm == "HS256":
            header = {"alg": "HS256", "kid": self.key.kid}
            parts = [json.dumps(part).encode() for part in (header, claims)]
            text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
            mac = hmac.new(self.keys[0].as_pem(private=False), text.encode(), hashlib.sha256).digest()
            return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
        return jwt.encode({"alg": self.algorithm, "kid": self.key.kid}, claims, self.key)

    def answer(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        time.sleep(self.delay)
        if self.broken:
            return 500, {"error": "server_error"}
        if path == "/.well-known/openid-configuration":
            base = self.issuer
            places = {
                "authorization_endpoint": f"{base}/auth",
                "token_endpoint": f"{base}/token",
                "jwks_uri": f"{base}/jwks",
                "end_session_endpoint": f"{base}/logout",
            }
            return 200, {"issuer": base, **places, **self.metadata}
        if path == "/jwks":
            return 200, {"keys": [key.as_dict(private=False) for key in self.keys]}
        asked = self.codes.pop(form.get("code", ""), None)
        self.redeemed.append(form)
        secret = base64.b64decode(authorization.partition(" ")[2]).decode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or secret != f"{CLIENT}:{SECRET}"
            or challenge.decode().rstrip("=") != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        if form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": self.id_token(asked)}


@contextmanager
def provider() -> Iterator[FakeProvider]:
    """A provider at a port of its own."""
    fake = FakeProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._reply({name: values[0] for name, values in parse_qs(body).items()})

        def _reply(self, form: dict[str, str]) -> None:
            status, document = fake.answer(urlsplit(self.path).path, form, self.headers.get("Authorization", ""))
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
