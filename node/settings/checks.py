"""Checks of single settings that have the right form, and may be wrong nevertheless."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from node.identity.scrapers import SCRAPER_WORDS, is_scraper_token
from node.settings.providers import ProviderSettings, check_providers


def _public_url(value: str, _folder: Path) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("public_url must be an address such as https://data.ghent.example")
    return value.rstrip("/")


def _networks(value: tuple[str, ...], _folder: Path) -> tuple[str, ...]:
    for block in value:
        try:
            ip_network(block)
        except ValueError as error:
            raise ValueError(f"{block} is not a network such as 10.20.0.0/16: {error}") from error
    return value


def _folders(value: tuple[str, ...], _folder: Path) -> tuple[str, ...]:
    for folder in value:
        if not Path(folder).is_absolute():
            raise ValueError(f"{folder} is not a whole path such as /srv/open-data")
    return value


def _providers(value: dict[str, ProviderSettings], folder: Path) -> dict[str, ProviderSettings]:
    check_providers(value, folder)
    return value


def _languages(value: tuple[str, ...], _folder: Path) -> tuple[str, ...]:
    if not value:
        raise ValueError("name at least one language, such as nl")
    for tag in value:
        if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag):
            raise ValueError(f"{tag!r} is not a language tag such as nl")
    return value


def _profiles(value: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    from node.semantics.validation.profiles import names

    if not value:
        return value
    profiles_at_hand = names(folder)
    for name in value:
        if name not in profiles_at_hand:
            raise ValueError(f"there is no profile {name!r}; the profiles are: {', '.join(profiles_at_hand)}")
    return value


def _modules(value: tuple[str, ...], _folder: Path) -> tuple[str, ...]:
    for name in value:
        if not name.isidentifier() or not name.isascii():
            raise ValueError(f"{name} is not the name of a module, such as numpy")
    return value


_SITE: Final = re.compile(r"https?://(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")


def _sites(value: tuple[str, ...], _folder: Path) -> tuple[str, ...]:
    for site in value:
        if site != "*" and not _SITE.fullmatch(site):
            raise ValueError(f"{site} is not a site such as https://www.ghent.example, without a path; * means all")
    return value


def _base_map(value: Path | None, _folder: Path) -> Path | None:
    if value is not None:
        try:
            with value.open("rb") as file:
                is_archive = file.read(8) == b"PMTiles\x03"
        except OSError as error:
            raise ValueError(f"{value} cannot be read") from error
        if not is_archive:
            raise ValueError(f"{value} is not a PMTiles file of version 3")
    return value


def _time_zone(value: str, _folder: Path) -> str:
    from zoneinfo import ZoneInfo

    if value == "UTC":  # Known without the system's time zones, which small containers lack.
        return value
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError) as error:  # ``ZoneInfoNotFoundError`` is a ``KeyError``.
        raise ValueError(f"{value!r} is not a time zone such as Europe/Brussels") from error
    return value


def _scraper(value: str, _folder: Path) -> str:
    if value and not is_scraper_token(value):
        raise ValueError(SCRAPER_WORDS)
    return value


def _mail_server(value: str, _folder: Path) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.password):
        raise ValueError("mail_server must be smtp://host:587 or smtps://host, without a password")
    return value


CHECKS: Final[Mapping[str, Callable[[Any, Path], Any]]] = {
    "advised_profiles": _profiles,
    "base_map": _base_map,
    "data_source_folders": _folders,
    "enforced_profiles": _profiles,
    "identity_providers": _providers,
    "languages": _languages,
    "mail_server": _mail_server,
    "metrics_token": _scraper,
    "model_libraries": _modules,
    "private_networks": _networks,
    "public_url": _public_url,
    "story_sites": _sites,
    "time_zone": _time_zone,
}
"""Setting → its check, which gets the data folder too, and returns the value or raises ``ValueError``."""
