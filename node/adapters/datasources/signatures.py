"""Signatures of requests to S3: AWS Signature Version 4, in headers.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

EMPTY: Final = hashlib.sha256(b"").hexdigest()


def sign(
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    key: str,
    secret: str,
    region: str,
    now: datetime,
    sha256: str = EMPTY,
) -> dict[str, str]:
    """Return ``headers`` with those that authorise the request. The path of ``url`` is already encoded (``path_of``),
    its query too (``query_of``); ``sha256`` is that of the body."""
    parts = urlsplit(url)
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    fields_of_scope = {
        **{name.lower(): value.strip() for name, value in headers.items()},
        "host": parts.netloc,
        "x-amz-content-sha256": sha256,
        "x-amz-date": moment,
    }
    names = ";".join(sorted(fields_of_scope))
    lines = "".join(f"{name}:{fields_of_scope[name]}\n" for name in sorted(fields_of_scope))
    request = "\n".join((method, parts.path or "/", parts.query, lines, names, sha256))
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()))
    signature = hmac.new(_key(secret, moment[:8], region), text.encode(), hashlib.sha256).hexdigest()
    credential = f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "x-amz-content-sha256": sha256, "x-amz-date": moment, "Authorization": credential}


def query_of(parameters: Mapping[str, str]) -> str:
    """Return a query in the canonical form."""
    return "&".join(
        f"{quote(name, safe='-._~')}={quote(parameters[name], safe='-._~')}" for name in sorted(parameters)
    )


def path_of(path: str) -> str:
    """Return a path in the canonical form: every piece encoded, the slashes kept."""
    return quote(path, safe="/-._~")


def _key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for piece in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, piece.encode(), hashlib.sha256).digest()
    return key
