"""Labels of credentials and purposes, and the hierarchy of purposes. Read from ``policies/terms``."""

from __future__ import annotations

import json
import re
import shlex
from functools import lru_cache
from typing import Any, Final

from node.base.errors import InvalidInput
from node.identity.did import base_url
from node.policy.terms import credential_type, expand, local_name
from node.semantics.resources import read

MEMBERSHIP_CREDENTIAL: Final = "MembershipCredential"


@lru_cache(maxsize=8)
def _data(file: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(read("policies", f"terms/{file}"))
    return loaded


@lru_cache(maxsize=1)
def _wider() -> dict[str, frozenset[str]]:
    """Return each purpose with every purpose that it lies inside: the reflexive closure of skos:broader."""
    direct = {iri: tuple(entry["broader"]) for iri, entry in _data("purposes.json")["purposes"].items()}
    closure: dict[str, frozenset[str]] = {}
    for iri in direct:
        places, ahead = {iri}, [iri]
        while ahead:
            for wider in direct.get(ahead.pop(), ()):
                if wider not in places:
                    places.add(wider)
                    ahead.append(wider)
        closure[iri] = frozenset(places)
    return closure


def wider_purposes(purpose: str) -> frozenset[str]:
    """Return ``purpose`` and all purposes that it lies inside."""
    return _wider().get(purpose, frozenset({purpose}))


def purposes(name: str) -> tuple[str, ...]:
    """Return the purposes of ``name``: a named group (``mobility-planning``), a prefixed name or an IRI."""
    group = _data("purposes.json")["groups"].get(name)
    return tuple(group["purposes"]) if group else (expand(name),)


def purpose_names() -> tuple[str, ...]:
    """Return the named groups, for choices and for error messages."""
    return tuple(sorted(_data("purposes.json")["groups"]))


def known_purposes() -> tuple[str, ...]:
    """Return every purpose that has a label here."""
    return tuple(_data("purposes.json")["purposes"])


def known_credentials() -> tuple[str, ...]:
    """Return every credential type that has a label here."""
    return tuple(_data("credentials.json")["credentials"])


def purpose_label(iri: str, language: str) -> str:
    """Return the label of a purpose; its local name if it has no label here."""
    entry = _data("purposes.json")["purposes"].get(iri)
    return _in(entry["label"], language) if entry else local_name(iri)


def group_label(iris: frozenset[str], language: str) -> str | None:
    """Return the name of the group of exactly these purposes, or None."""
    for group in _data("purposes.json")["groups"].values():
        if frozenset(group["purposes"]) == iris:
            return _in(group["label"], language)
    return None


def credential_label(name: str, language: str) -> str:
    """Return the label of a credential type."""
    entry = _data("credentials.json")["credentials"].get(credential_type(name))
    return _in(entry["label"], language) if entry else role_of(name)


def holders_label(name: str, language: str) -> str | None:
    """Return the label of those who hold a credential of this type."""
    entry = _data("credentials.json")["credentials"].get(credential_type(name))
    return _in(entry["holders"], language) if entry else None


def role_of(name: str) -> str:
    """Return the role that a credential type attests, as the command line writes it: ``MobilityPartner``."""
    return re.sub(r"Credential$", "", local_name(credential_type(name))) or name


def join_command(issuer: str, name: str) -> str:
    """Return the command that applies to ``issuer`` for the credential ``name``, ready to be pasted.

    It has the issuer's address and not its DID: texts for people show names in place of DIDs. The DID comes from
    other people's policies; one that is not a ``did:web`` leaves a blank to be filled in.
    """
    try:
        region = base_url(issuer, allow_loopback_http=True, ports=range(1, 65536))
    except InvalidInput:
        region = "ADDRESS"
    words = ["hansa", "join", region]
    if credential_type(name) != MEMBERSHIP_CREDENTIAL:
        words += ["--as", role_of(name)]
    return shlex.join(words)


def _in(labels: dict[str, str], language: str) -> str:
    return labels.get(language) or labels["en"]
