"""Finds the node that a command is about: a folder, an address, or the only node within reach."""

from __future__ import annotations

import os
import ssl
import tomllib
from dataclasses import dataclass
from pathlib import Path

from node.base.errors import InvalidInput
from node.base.plaintext import word

SETTINGS = "hansa.toml"
TOKEN = "token"  # noqa: S105 - the name of a file


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """The address of a node's API, the token to use there, and its data folder if it is on this machine."""

    url: str
    token: str | None
    folder: Path | None
    certificate: Path | None = None
    """The certificate that the node itself serves, if it does: connections are checked against it, since the address
    on this machine is not the name in the certificate."""


def locate(name: str | None = None) -> NodeAddress:
    """Return the node called ``name`` (a folder or an http address), else ``HANSA_NODE``, else the one in or below
    the working folder. Raises ``InvalidInput`` with what to type if there are none or several."""
    name_or_path = name or os.environ.get("HANSA_NODE")
    if name_or_path and name_or_path.startswith(("http://", "https://")):
        return NodeAddress(name_or_path.rstrip("/"), os.environ.get("HANSA_TOKEN"), None)
    if name_or_path:
        return _of_folder(Path(name_or_path))
    here = Path.cwd()
    if (here / SETTINGS).is_file():
        return _of_folder(here)
    below = sorted(path.parent for path in here.glob(f"*/{SETTINGS}"))
    if len(below) == 1:
        return _of_folder(below[0])
    if not below:
        raise InvalidInput(
            "there is no node in this folder", remedy="make one: hansa init NAME, or name one: --node FOLDER"
        )
    names = ", ".join(path.name for path in below)
    raise InvalidInput(f"there are several nodes here: {names}", remedy=f"name one: --node {below[0].name}")


def _of_folder(folder: Path) -> NodeAddress:
    path = folder / SETTINGS
    if not path.is_file():
        raise InvalidInput(f"{folder} is not the folder of a node", remedy=f"make one: hansa init {word(folder)}")
    members = tomllib.loads(path.read_text("utf-8"))
    certificate = os.environ.get("HANSA_TLS_CERTIFICATE") or members.get("tls_certificate")
    scheme = "https" if certificate else "http"
    host = str(os.environ.get("HANSA_HOST") or members.get("host", "127.0.0.1"))
    port = os.environ.get("HANSA_PORT") or members.get("port", 8080)
    reachable = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    token = folder / TOKEN
    return NodeAddress(
        url=f"{scheme}://{reachable}:{port}",
        token=os.environ.get("HANSA_TOKEN") or (token.read_text("ascii").strip() if token.is_file() else None),
        folder=folder,
        certificate=(folder / certificate) if certificate else None,
    )


def trust_of(address: NodeAddress) -> ssl.SSLContext | bool:
    """Return how to verify the connection: for a node on this machine by its own certificate, whatever its name."""
    if address.certificate is None:
        # Nothing is encrypted on the way to http://, and reading the authorities that are trusted takes 20 ms.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if address.url.startswith("http://") else True
    context = ssl.create_default_context(cafile=str(address.certificate))
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
