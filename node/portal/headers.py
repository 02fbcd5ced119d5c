"""Headers that protect a reader: what a page may load, who may frame it, what a cache may store.

``SecurityHeaders`` wraps the whole application. It never overwrites a header that an endpoint has set itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)

ALWAYS: Final[tuple[tuple[str, str], ...]] = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    # Cacheable answers set their own header: most answers here are for one caller alone.
    ("Cache-Control", "private, no-store"),
)
FOR_PAGES: Final[tuple[tuple[str, str], ...]] = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
FOR_MAP_FILES: Final[tuple[tuple[str, str], ...]] = (
    ("X-Content-Type-Options", "nosniff"),
    # A worker has the policy of its own script: that of maps computes, and may load nothing.
    ("Content-Security-Policy", "default-src 'none'"),
)


def accepts_gzip(accept: str) -> bool:
    """Return whether an ``Accept-Encoding`` names gzip, and does not refuse it (RFC 9110 §12.5.3)."""
    for part in accept.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def cache_control(*, signed_in: bool) -> str:
    """Return the value for pages: those of a signed-in person are never stored; others are always revalidated."""
    return "private, no-store" if signed_in else "no-cache"


def allow_frames(headers: MutableHeaders, sites: Sequence[str]) -> None:
    """Let ``sites`` (``*``: all) show this page in a frame. It runs no scripts and has no forms: nothing in it can be
    clicked by mistake."""
    headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors {' '.join(sites)}"
    )
    del headers["X-Frame-Options"]


def _is_framable(policy: str) -> bool:
    return "frame-ancestors" in policy and "frame-ancestors 'none'" not in policy


class SecurityHeaders:
    """ASGI middleware: adds the headers above to every response (``FOR_PAGES`` to HTML only)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS:
                    headers.setdefault(name, value)
                if headers.get("content-type", "").startswith(("text/html", "application/xhtml", "image/svg")):
                    framable = _is_framable(headers.get("content-security-policy", ""))
                    for name, value in FOR_PAGES:
                        # The older header knows no list of sites.
                        if name != "X-Frame-Options" or not framable:
                            headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_protected)
