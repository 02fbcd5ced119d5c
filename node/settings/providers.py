"""The settings of an identity provider."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from node.identity.accounts.providers import IdentityProvider
from node.identity.did import is_loopback
from node.identity.model import UserRole


class ProviderSettings(BaseModel):
    """An identity provider of the organisation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=80)
    issuer: str
    client_id: str = Field(min_length=1)
    client_secret_file: Path | None = None
    scopes: tuple[str, ...] = ("openid", "profile")
    groups_claim: str = Field("groups", min_length=1)
    roles: dict[str, tuple[UserRole, ...]] = Field(min_length=1)
    levels: dict[UserRole, tuple[str, ...]] = Field(default_factory=dict)

    @field_validator("issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        local = parts.scheme == "http" and is_loopback(parts.hostname or "")
        if not (parts.scheme == "https" or local) or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{value} is not the address of an issuer, such as https://login.ghent.example")
        return value

    @field_validator("scopes")
    @classmethod
    def _scopes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:
            raise ValueError("scopes must have openid: without it the provider sends no ID token")
        return value


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
