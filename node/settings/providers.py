"""The settings of an identity provider."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from node.identity.accounts.providers import IdentityProvider
from node.identity.did import is_loopback
from node.identity.model import UserRole
from node.settings.fields import SettingGroup, setting


@dataclass(frozen=True, kw_only=True)
class ProviderSettings(SettingGroup):
    """An identity provider of the organisation."""

    name: str = setting(min_length=1, max_length=80)
    issuer: str = setting()
    client_id: str = setting(min_length=1)
    client_secret_file: Path | None = setting(None)
    scopes: tuple[str, ...] = setting(("openid", "profile"))
    groups_claim: str = setting("groups", min_length=1)
    roles: dict[str, tuple[UserRole, ...]] = setting(min_length=1)
    levels: dict[UserRole, tuple[str, ...]] = setting(default_factory=dict)

    def _check(self, name: str, value: Any) -> Any:
        if name == "issuer":
            _check_issuer(value)
        if name == "scopes" and "openid" not in value:
            raise ValueError("scopes must have openid: without it the provider sends no ID token")
        return value


def _check_issuer(value: str) -> None:
    parts = urlsplit(value)
    local = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not (parts.scheme == "https" or local) or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{value} is not the address of an issuer, such as https://login.ghent.example")


def check_providers(providers: Mapping[str, ProviderSettings], folder: Path) -> None:
    """Raise ``ValueError`` for a name that cannot be part of an address, an issuer that two have, or a secret that is
    not there."""
    issuers = [provider.issuer for provider in providers.values()]
    for name, provider in providers.items():
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,19}", name):
            raise ValueError(f"{name!r} is not a short name: use up to 20 of a–z, 0–9 and -")
        if issuers.count(provider.issuer) > 1:
            raise ValueError(f"two identity providers have the issuer {provider.issuer}")
        file = provider.client_secret_file
        if file is not None and not (folder / file).is_file():
            raise ValueError(f"{name}: there is no file {file} with the client secret")


def provider_of(name: str, provider: ProviderSettings, folder: Path) -> IdentityProvider:
    """Return the identity provider with this name, with its client secret from the file."""
    file = provider.client_secret_file
    return IdentityProvider(
        id=name,
        name=provider.name,
        issuer=provider.issuer,
        client_id=provider.client_id,
        client_secret=(folder / file).read_text("utf-8").strip() if file else "",
        scopes=provider.scopes,
        groups_claim=provider.groups_claim,
        roles={group: frozenset(roles) for group, roles in provider.roles.items()},
        levels={role: frozenset(levels) for role, levels in provider.levels.items()},
    )
