"""Settings from a file and from the environment: their forms, their limits, and the words about what is wrong."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.identity.model import UserRole
from node.settings import PREFIX, Settings, load, write
from node.settings.fields import fields_of
from node.settings.sources import settings_in_force
from node.settings.values import SettingFault

URL = "https://data.ghent.example"
PROVIDER = {"name": "Login", "issuer": "https://login.example", "client_id": "hansa", "roles": {"staff": ["steward"]}}


def settings_with(folder: Path, **members: Any) -> Settings:
    return Settings(**{"folder": folder, "public_url": URL, **members})


def loaded(folder: Path, **members: Any) -> Settings:
    write(folder, {"public_url": URL, **members})
    return load(folder)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in fields_of(Settings):
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)


def test_each_default_is_a_value_of_its_form(tmp_path: Path) -> None:
    settings = settings_with(tmp_path)
    for name, own in fields_of(Settings).items():
        assert own.read(getattr(settings, name)) == getattr(settings, name)
        assert own.description, name
    assert (settings.port, settings.languages, settings.logo) == (8080, ("en",), None)


def test_defaults_are_not_shared(tmp_path: Path) -> None:
    assert settings_with(tmp_path).trust is not settings_with(tmp_path).trust


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("port", "443", 443),
        ("port", 443.0, 443),
        ("query_seconds", "2.5", 2.5),
        ("query_seconds", 2, 2.0),
        ("follow_seconds", math.inf, math.inf),
        ("issuer", "yes", True),
        ("issuer", "OFF", False),
        ("issuer", 1, True),
        ("logo", "logo.svg", Path("logo.svg")),
        ("logo", None, None),
        ("languages", ["nl", "fr"], ("nl", "fr")),
        ("trust", {"Membership": ["did:web:a"]}, {"Membership": ("did:web:a",)}),
        ("log_format", "json", "json"),
        ("public_url", f"{URL}/", URL),
    ],
)
def test_values_get_their_form(tmp_path: Path, name: str, value: Any, expected: Any) -> None:
    setting = getattr(settings_with(tmp_path, **{name: value}), name)
    assert (setting, type(setting)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("port", 0, "port: this must be at least 1, not 0"),
        ("port", 65536, "port: this must be at most 65535"),
        ("port", "8o8o", "port: this must be a whole number"),
        ("port", 1.5, "port: this must be a whole number"),
        ("port", True, "port: this must be a whole number"),
        ("port", [1], "port: this must be a whole number"),
        ("query_seconds", 0, "query_seconds: this must be more than 0"),
        ("query_seconds", math.nan, "query_seconds: this must be more than 0"),
        ("query_seconds", True, "query_seconds: this must be"),
        ("query_seconds", "soon", "query_seconds: this must be a number"),
        ("name", 7, "name: this must be a text"),
        ("issuer", "maybe", "issuer: this must be true or false"),
        ("issuer", 2, "issuer: this must be true or false"),
        ("logo", 7, "logo: this must be a path"),
        ("languages", "nl", "languages: this must be a list"),
        ("languages", ["nl", 7], r"languages\.1: this must be a text"),
        ("languages", [], "languages: name at least one language"),
        ("trust", [], "trust: this must be a table"),
        ("trust", {"Membership": "did:web:a"}, r"trust\.Membership: this must be a list"),
        ("log_format", "xml", "log_format: this must be one of: text, json"),
        ("credential_profiles", {"A": "jwt"}, r"credential_profiles\.A: this must be one of: vc20"),
        ("public_url", "ghent", "public_url: public_url must be an address"),
        ("time_zone", "Ghent", "time_zone: 'Ghent' is not a time zone such as Europe/Brussels"),
        ("time_zone", "../../etc/passwd", "time_zone: .* is not a time zone"),
        ("private_networks", ["10.0.0.0/40"], "private_networks: .* is not a network"),
        ("data_source_folders", ["data"], "data_source_folders: data is not a whole path"),
        ("model_libraries", ["num py"], "model_libraries: num py is not the name"),
        ("advised_profiles", ["none"], "advised_profiles: there is no profile"),
        ("tls_key", "key.pem", "^tls_certificate and tls_key go together"),
        ("identity_providers", {"city": 7}, r"identity_providers\.city: this must be a table"),
        (
            "identity_providers",
            {"city": {**PROVIDER, "roles": {}}},
            r"city\.roles: this must not be empty",
        ),
        ("identity_providers", {"city": {**PROVIDER, "name": "x" * 81}}, r"city\.name: this may have at most 80"),
        ("identity_providers", {"City": PROVIDER}, "identity_providers: 'City' is not a short name"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, name: str, value: Any, words: str) -> None:
    with pytest.raises(SettingFault, match=words):
        settings_with(tmp_path, **{name: value})


def test_an_identity_provider_is_settings_too(tmp_path: Path) -> None:
    settings = loaded(tmp_path, identity_providers={"city": PROVIDER})
    city = settings.identity_providers["city"]
    assert city.roles == {"staff": (UserRole.STEWARD,)}
    assert city.scopes == ("openid", "profile")
    (row,) = (row for row in settings_in_force(settings) if row.name == "identity_providers")
    defaults = {"client_secret_file": None, "scopes": ["openid", "profile"], "groups_claim": "groups", "levels": {}}
    assert json.loads(row.value)["city"] == {**PROVIDER, **defaults}


def test_the_environment_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANSA_PORT", "9000")
    monkeypatch.setenv("HANSA_LANGUAGES", '["nl", "en"]')
    monkeypatch.setenv("HANSA_TRUST", '{"Membership": ["did:web:a"]}')
    settings = loaded(tmp_path, port=8000)
    assert (settings.port, settings.languages, settings.trust) == (9000, ("nl", "en"), {"Membership": ("did:web:a",)})
    assert replace(settings, name="Other").port == 9000
    monkeypatch.setenv("HANSA_LANGUAGES", "nl")
    with pytest.raises(InvalidInput, match=r"setting languages in .*HANSA_LANGUAGES in the environment is not JSON"):
        load(tmp_path)


def test_a_required_setting_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"name": "Ghent"})
    with pytest.raises(InvalidInput, match=r"setting public_url in .*: this setting is missing"):
        load(tmp_path)
    monkeypatch.setenv("HANSA_PUBLIC_URL", URL)
    assert load(tmp_path).public_url == URL


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"setting potr in .*: there is no setting of this name") as refusal:
        loaded(tmp_path, potr=80)
    assert "docs/reference/settings.md" in refusal.value.remedy


def test_settings_do_not_change_and_hide_the_token(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, metrics_token="0123456789abcdef0123456789abcdef")
    with pytest.raises(FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]
    assert "0123456789abcdef" not in repr(settings)
