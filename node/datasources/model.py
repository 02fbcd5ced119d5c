"""A data source as the node keeps it: its address, its options, its sealed credentials."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from node.base.errors import InvalidInput

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}", re.ASCII)
_FORBIDDEN_HEADERS: Final = frozenset(
    (
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "host",
        "if-range",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_SEGMENT: Final = re.compile(r"[^\x00-\x1f\x7f/\\]{1,255}")
_MOST_PATH: Final = 1024


class Scheme(StrEnum):
    """The way in which credentials are shown to a data source."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"
    HEADER = "header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The node's own access to a data source.

    ``name`` is the user (``BASIC``: of a database too, and the access key of a bucket) or the header (``HEADER``).
    """

    scheme: Scheme = Scheme.NONE
    name: str = ""
    secret: str = field(default="", repr=False)

    def check(self) -> None:
        """Raise ``InvalidInput`` if they cannot be sent."""
        if self.scheme is Scheme.NONE:
            return
        if not self.secret or len(self.secret) > 4096 or not self.secret.isprintable():
            raise InvalidInput("the secret is missing or cannot be sent", remedy="give it in one line, without tabs")
        if self.scheme is Scheme.BASIC and (not self.name or ":" in self.name or not self.name.isprintable()):
            raise InvalidInput("the user name is missing or has a colon", remedy="name the user: --user NAME")
        if self.scheme is not Scheme.BASIC and not self.secret.isascii():
            raise InvalidInput("the secret has characters that no header takes", remedy="check that it is the token")
        known = self.name.lower() in _FORBIDDEN_HEADERS
        if self.scheme is Scheme.HEADER and (known or not _HEADER.fullmatch(self.name)):
            raise InvalidInput("no credentials go into this header", remedy="such as --header X-Api-Key")

    def to_json(self) -> dict[str, str]:
        """Return all of it, with the secret: only to be sealed."""
        return {"scheme": str(self.scheme), "name": self.name, "secret": self.secret}

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Credentials:
        return cls(scheme=Scheme(members["scheme"]), name=members["name"], secret=members["secret"])


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """A data source under its ``name``. ``kind`` names the connector, ``address`` and ``options`` are for it.

    ``secret`` holds the credentials, sealed with a key outside the database; None if there are none. ``shown`` says
    of them what people may see: the scheme and the name.
    """

    name: str
    kind: str
    address: str
    options: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    secret: bytes | None = field(default=None, repr=False)
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A data source opened for its connector: its address, options and credentials."""

    name: str
    address: str
    options: Mapping[str, str] = field(default_factory=dict)
    credentials: Credentials = Credentials()


def check_name(name: str) -> None:
    """Raise ``InvalidInput`` unless ``name`` can name a data source."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "a data source is named by up to 63 characters a-z, 0-9 and hyphens", remedy="such as gis or sensor-files"
        )


def check_path(path: str) -> str:
    """Return ``path``, whose pieces lead nowhere but down. Raises ``InvalidInput``."""
    pieces = path.removesuffix("/").split("/") if path else []
    if len(path) > _MOST_PATH or any(not _SEGMENT.fullmatch(piece) or piece in (".", "..") for piece in pieces):
        raise InvalidInput(
            "this is no path within a data source", remedy="name it as hansa source test does, without .. and //"
        )
    return path
