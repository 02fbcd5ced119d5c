"""Settings of the portal for a city: accent, logo, name; and facts about the node that pages need."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from node.portal.map_files import MapFiles

ACCENT: Final = "#0b5f73"
"""The accent of a node whose city has not chosen one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalSettings:
    """The three settings of a city are ``name``, ``accent`` (``#rrggbb``) and ``logo`` (an SVG or PNG file).

    ``public_url`` is the base URL of the node without a trailing slash; its path becomes the prefix of every link.
    ``secret`` keys the CSRF tokens; if several processes serve one node, they need the same. ``issuer`` is true on a
    region: its people decide about applications and credentials.
    """

    public_url: str
    name: str = "Hansa"
    accent: str = ACCENT
    logo: Path | None = None
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    session_cookie: str = "hansa_session"
    session_seconds: int = 12 * 3600
    zone: tzinfo = UTC
    page_size: int = 20
    issuer: bool = False
    story_sites: tuple[str, ...] = ("*",)
    """The sites that may show stories of public results in a frame; ``*`` stands for all."""
    maps: MapFiles | None = None
    """The files of maps that a reader can zoom; without them, maps are drawings only."""

    @property
    def host(self) -> str:
        """Return the name of the host that people and log collectors know the node by."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def https(self) -> bool:
        """Return whether cookies may only travel over TLS."""
        return self.public_url.startswith("https://")

    @property
    def prefix(self) -> str:
        """Return the path of ``public_url``: empty, or ``/something`` without a trailing slash."""
        _, _, rest = self.public_url.partition("://")
        _, slash, path = rest.partition("/")
        return slash + path.rstrip("/") if path else ""
