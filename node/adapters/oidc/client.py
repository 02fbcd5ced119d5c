"""OpenID providers over the node's guarded egress (``node.identity.accounts.providers.Providers``).

Metadata are read from the issuer's own address and must name the same issuer (OpenID Connect Discovery 1.0 §4.3). An
ID token counts only if a key of the provider has signed it with an asymmetric algorithm, for us, for this attempt.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from node.adapters.egress.client import Answer, Egress, Lane
from node.base.clock import Clock
from node.base.errors import HansaError, InvalidInput, PeerUnreachable, Unauthenticated
from node.identity.accounts.providers import Attempt, EndOfSession, IdentityProvider, Proof

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""Signatures of public keys only: with a shared secret, whoever can check a token could also make one."""

LEEWAY: Final = 60
"""Seconds by which clocks may differ."""

SECONDS: Final = 10.0
"""The longest that one request to a provider may take."""

LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_KEPT: Final = timedelta(minutes=10)
_AGAIN: Final = timedelta(seconds=30)


class OidcProviders:
    """Identity providers over HTTP. Metadata and keys are kept for ten minutes; for an unknown key, keys are fetched
    anew at most every thirty seconds."""

    def __init__(self, egress: Egress, clock: Clock) -> None:
        self._egress = egress
        self._clock = clock
        self._documents: dict[str, tuple[datetime, dict[str, Any]]] = {}

    async def sign_in_address(self, provider: IdentityProvider, attempt: Attempt, back: str) -> str:
        """See ``Providers``. The code is bound to this browser by PKCE (RFC 7636), the ID token by the nonce."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        metadata = await self._metadata(provider)
        levels = sorted({level for levels in provider.levels.values() for level in levels})
        address: str = prepare_grant_uri(
            self._endpoint(metadata, "authorization_endpoint"),
            client_id=provider.client_id,
            response_type="code",
            redirect_uri=back,
            scope=" ".join(provider.scopes),
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
            **({"acr_values": " ".join(levels)} if levels else {}),
        )
        return address

    async def proof(self, provider: IdentityProvider, attempt: Attempt, code: str, back: str) -> Proof:
        """See ``Providers``."""
        from authlib.oidc.core.claims import CodeIDToken

        metadata = await self._metadata(provider)
        answer = await self._redeem(provider, metadata, attempt, code, back)
        id_token, access_token = str(answer.get("id_token", "")), str(answer.get("access_token", ""))
        try:
            header, claims = await self._verify(provider, metadata, id_token)
            parsed_claims = CodeIDToken(
                claims,
                header,
                {
                    "iss": {"essential": True, "value": provider.issuer},
                    "aud": {"essential": True, "value": provider.client_id},
                },
                {"nonce": attempt.nonce, "client_id": provider.client_id, "access_token": access_token},
            )
            parsed_claims.validate(now=int(self._clock.now().timestamp()), leeway=LEEWAY)
            subject = _text(claims, "sub")
        except _jose_errors() as error:
            raise _wrong(error) from error
        if provider.groups_claim not in claims and metadata.get("userinfo_endpoint") and access_token:
            claims = {**await self._user(metadata, access_token, subject), **claims}
        return Proof(
            subject=subject,
            login=str(claims.get("preferred_username") or ""),
            name=str(claims.get("name") or ""),
            groups=_groups(claims.get(provider.groups_claim)),
            level=str(claims.get("acr") or ""),
            session=str(claims.get("sid") or "")[:300],
            id_token=id_token,
        )

    async def end_of_session(self, provider: IdentityProvider, token: str) -> EndOfSession:
        """See ``Providers``."""
        metadata = await self._metadata(provider)
        now = int(self._clock.now().timestamp())
        try:
            header, claims = await self._verify(provider, metadata, token)
            audience = claims.get("aud")
            checks = (
                claims.get("iss") == provider.issuer,
                provider.client_id in (audience if isinstance(audience, list) else [audience]),
                isinstance(claims.get("events"), dict) and LOGOUT_EVENT in claims["events"],
                "nonce" not in claims,
                abs(int(claims["iat"]) - now) <= 300,
                int(claims.get("exp", now)) >= now - LEEWAY,
                header.get("typ", "logout+jwt").lower() in ("logout+jwt", "jwt"),
            )
            if not all(checks) or not (claims.get("sub") or claims.get("sid")):
                raise ValueError("a claim is missing or wrong")
            return EndOfSession(
                id=_text(claims, "jti"),
                # A token is too old after five minutes: then its name need not be remembered any more.
                expires=datetime.fromtimestamp(now + 700, UTC),
                subject=str(claims.get("sub") or ""),
                session=str(claims.get("sid") or "")[:300],
            )
        except _jose_errors() as error:
            raise InvalidInput(
                f"the logout token is not valid: {type(error).__name__}", remedy="send a new one"
            ) from error

    async def sign_out_address(self, provider: IdentityProvider, id_token: str, back: str) -> str:
        """See ``Providers`` (OpenID Connect RP-Initiated Logout 1.0 §2)."""
        metadata = await self._metadata(provider)
        if not metadata.get("end_session_endpoint"):
            return ""
        query = {"id_token_hint": id_token, "client_id": provider.client_id, "post_logout_redirect_uri": back}
        address = self._endpoint(metadata, "end_session_endpoint")
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"

    async def check(self, provider: IdentityProvider) -> None:
        """Read the metadata and the keys of ``provider`` as a sign-in would. Raises ``PeerUnreachable`` with the
        reason why nobody can sign in."""
        metadata = await self._metadata(provider)
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            self._endpoint(metadata, name)
        methods = metadata.get("code_challenge_methods_supported")
        if isinstance(methods, list) and "S256" not in methods:
            raise PeerUnreachable(f"{provider.name} does not support PKCE", remedy="allow S256 for this client there")
        if not (await self._document(str(metadata["jwks_uri"]), _KEPT)).get("keys"):
            raise PeerUnreachable(f"{provider.name} has no keys", remedy="try again later")

    # the provider's documents -----------------------------------------------------------------------------
    async def _metadata(self, provider: IdentityProvider) -> dict[str, Any]:
        address = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        metadata = await self._document(address, _KEPT)
        if metadata.get("issuer") != provider.issuer:
            raise PeerUnreachable(
                f"{provider.name} says that it is another issuer",
                remedy="the setting issuer must be what the provider's discovery document says",
            )
        return metadata

    async def _verify(
        self, provider: IdentityProvider, metadata: Mapping[str, Any], token: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return header and claims of a token that a key of the provider has signed."""
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet
        from joserfc.jwt import decode

        address = self._endpoint(metadata, "jwks_uri")
        for age in (_KEPT, _AGAIN):
            keys = KeySet.import_key_set(await self._document(address, age))  # type: ignore[arg-type]
            try:
                claims = decode(token, keys, algorithms=list(ALGORITHMS))
            except (JoseError, ValueError):
                if age is _AGAIN:
                    raise
                continue
            return dict(claims.header), dict(claims.claims)
        raise PeerUnreachable(f"{provider.name} has no keys", remedy="try again later")

    async def _document(self, address: str, age: timedelta) -> dict[str, Any]:
        now = self._clock.now()
        kept = self._documents.get(address)
        if kept is not None and now - kept[0] < age:
            return kept[1]
        answer = await self._request("GET", address)
        document = answer.json()
        if not answer.ok or not isinstance(document, dict):
            raise PeerUnreachable("the identity provider answers with an error", remedy="try again later")
        self._documents[address] = (now, document)
        return document

    def _endpoint(self, metadata: Mapping[str, Any], name: str) -> str:
        address = metadata.get(name)
        if not isinstance(address, str):
            raise PeerUnreachable(f"the identity provider has no {name}", remedy="check the setting issuer")
        self._egress.check_url(address)
        return address

    # requests ---------------------------------------------------------------------------------------------
    async def _redeem(
        self, provider: IdentityProvider, metadata: Mapping[str, Any], attempt: Attempt, code: str, back: str
    ) -> dict[str, Any]:
        from authlib.oauth2.auth import ClientAuth

        endpoint = self._endpoint(metadata, "token_endpoint")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": attempt.verifier,
        }
        supported = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        secret = "client_secret_basic" if "client_secret_basic" in supported else "client_secret_post"
        auth = ClientAuth(provider.client_id, provider.client_secret, secret if provider.client_secret else "none")
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        _, headers, body = auth.prepare("POST", endpoint, headers, urlencode(form))
        answer = await self._request("POST", endpoint, headers=headers, body=str(body).encode())
        if answer.status >= 500:
            raise PeerUnreachable(f"{provider.name} answers with an error", remedy="try again later")
        tokens = answer.json()
        if not answer.ok or not isinstance(tokens, dict):
            raise _wrong(None)
        return tokens

    async def _user(self, metadata: Mapping[str, Any], access_token: str, subject: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {access_token}"}
        answer = await self._request("GET", self._endpoint(metadata, "userinfo_endpoint"), headers=headers)
        claims = answer.json() if answer.ok else {}
        # §5.3.4: the answer counts only for the same subject.
        return claims if isinstance(claims, dict) and claims.get("sub") == subject else {}

    async def _request(
        self, method: str, address: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        try:
            return await self._egress.request(
                method,
                address,
                headers=headers,
                body=body,
                timeout=SECONDS,
                max_bytes=256 * 1024,
                allow_redirects=0,
                lane=Lane.DOCUMENTS,
            )
        except PeerUnreachable:
            raise
        except HansaError as error:
            raise PeerUnreachable(
                f"the identity provider cannot be used: {error.detail}", remedy="check the setting issuer"
            ) from error


def _jose_errors() -> tuple[type[Exception], ...]:
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError

    return JoseError, AuthlibBaseError, ValueError, TypeError, KeyError


def _wrong(error: Exception | None) -> Unauthenticated:
    why = f": {error}" if error is not None else ""
    return Unauthenticated(
        f"the answer of the identity provider is not valid{why}", remedy="sign in again", facts={"case": "proof"}
    )


def _text(claims: Mapping[str, Any], name: str) -> str:
    text = claims.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= 255:
        raise ValueError(f"{name} is not a text")
    return text


def _groups(claim: Any) -> tuple[str, ...]:
    groups = claim if isinstance(claim, list) else [claim]
    return tuple(group for group in groups if isinstance(group, str))
