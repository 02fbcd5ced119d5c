"""Form input: fields, the CSRF token, the address to go to afterwards."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from node.base.errors import InvalidInput, NotAllowed, TooLarge, UnsupportedMediaType
from node.web.bodies import read_body

MAX_BYTES: Final = 64 * 1024
MAX_FIELDS: Final = 60

TOKEN: Final = "csrf"  # noqa: S105 - the name of the field

_PLAIN_PATH: Final = re.compile(r"/(?:[^/\\\x00-\x20\x7f-\x9f][^\\\x00-\x20\x7f-\x9f]*)?")


async def read_form(request: Request, *, most: int = MAX_FIELDS, size: int = MAX_BYTES) -> dict[str, str]:
    """Return the fields of an ``application/x-www-form-urlencoded`` body; of a repeated field, the first.

    Raises ``UnsupportedMediaType``, ``TooLarge`` (more than ``size`` bytes), ``InvalidInput`` (not UTF-8, or more
    than ``most`` fields).
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType(
            "a form of this portal is sent as application/x-www-form-urlencoded", remedy="send the form of the page"
        )
    refusal = TooLarge(
        f"the form is larger than {size >> 10} KiB",
        remedy="shorten the text",
        facts={"case": "form", "kilobytes": size >> 10},
    )
    body = await read_body(request, size, refusal)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=most, errors="strict")
    except ValueError as error:
        raise InvalidInput(
            "the form is not readable", remedy="send it again from the page", facts={"case": "form"}
        ) from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value.replace("\r\n", "\n"))
    return fields


def csrf_token(secret: bytes, session: str) -> str:
    """Return the token of every form of this session: HMAC-SHA-256 of the session under the node's own secret."""
    return hmac.new(secret, b"csrf\0" + session.encode(), hashlib.sha256).hexdigest()


def check_csrf(secret: bytes, session: str, fields: dict[str, str]) -> None:
    """Raises ``NotAllowed`` unless ``fields`` have the token of ``session``."""
    given = fields.get(TOKEN, "")
    if not session or not hmac.compare_digest(csrf_token(secret, session).encode(), given.encode()):
        raise NotAllowed(
            "this form does not belong to your session",
            remedy="go back, reload the page and send the form again",
            facts={"case": "other-session"},
        )


def new_form_cookie() -> str:
    """Return a value that ties a sign-in form to the browser that shows it, before there is a session."""
    return secrets.token_urlsafe(24)


def local_path(target: str, default: str = "/") -> str:
    """Return ``target`` if it is a path on this site, else ``default``: ``next`` cannot lead to another site.

    It refuses other schemes, ``//host``, backslashes (browsers read them as slashes), blanks and control characters
    (browsers drop them, and the rest may be ``//host``).
    """
    return target if len(target) <= 2000 and _PLAIN_PATH.fullmatch(target) else default
