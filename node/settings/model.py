"""All settings of a node, with their meanings and defaults."""

from __future__ import annotations

import json
import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from node.identity.scrapers import SCRAPER_WORDS, is_scraper_token
from node.settings.providers import ProviderSettings, check_providers

PREFIX = "HANSA_"


class Settings(BaseModel):
    """The settings in force. ``docs/reference/settings.md`` is generated from these descriptions."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    folder: Path = Field(description="The data folder of this node.")
    name: str = Field(
        "Hansa node", description="Name of the organisation that runs this node: shown on pages and in agreements."
    )
    contact: str = Field("", description="How to contact the operator: an e-mail address or a web page.")
    public_url: str = Field(
        description="The address under which others reach this node. It is part of every identifier and cannot be "
        "changed later."
    )
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8080, ge=1, le=65535, description="The port to listen on.")
    tls_certificate: Path | None = Field(
        None, description="PEM file, to serve TLS directly; else use a reverse proxy."
    )
    tls_key: Path | None = Field(None, description="PEM file of the certificate's key.")
    keys_wrapped_by_file: Path | None = Field(
        None,
        description="File with the key that encrypts this node's private keys, such as one that systemd "
        "provides (LoadCredential). After setting it: hansa keys wrap.",
    )
    keys_wrapped_by_command: str = Field(
        "",
        description="Command whose output is that key, such as one of a key management service. It runs without a "
        "shell, at the start of each process.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1", description="Addresses of reverse proxies whose forwarded headers count."
    )
    database_url: str = Field(
        "", description="SQLAlchemy URL of the database; empty means SQLite in the data folder."
    )
    languages: tuple[str, ...] = Field(
        ("en",),
        description="Languages of this node's documents, first the main one: titles and texts "
        "without a language are tagged with it. For older nodes the default is English.",
    )
    advised_profiles: tuple[str, ...] = Field(
        (),
        description="Further profiles whose rules give warnings when publishing, such as dcat-ap-vl, or one of this "
        "node's own (hansa profile list).",
    )
    enforced_profiles: tuple[str, ...] = Field((), description="Further profiles whose rules must be met.")
    wrong_data: Literal["warn", "refuse"] = Field(
        "warn",
        description="What happens to data that do not conform to the schema that they name, if the schema does not "
        "say it: warn or refuse.",
    )
    region: str = Field("", description="DID of the region whose rulebook and credentials this node accepts.")
    trust: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Credential type → DIDs of the issuers that are trusted for it, besides the region.",
    )
    issuer: bool = Field(False, description="This node admits members: it issues and revokes credentials.")
    issues: tuple[str, ...] = Field(
        ("MembershipCredential", "MobilityPartnerCredential"),
        description="Credential types that an issuer node offers.",
    )
    credential_profiles: dict[str, Literal["vc20-bssl/jwt", "vc11-sl2021/jwt"]] = Field(
        default_factory=dict,
        description="Credential type → the profile of DCP 1.0 (appendix A) in which an issuer node issues it. Use "
        "it for holders who read only that profile. A type that is not named is issued as "
        "vc20-bssl/jwt.",
    )
    credential_formats: dict[str, str] = Field(
        default_factory=dict,
        description="Profile → its name in the messages that deliver credentials. Use it for holders who know it "
        "by another name, such as vc11-sl2021/jwt → VC1_0_JWT.",
    )
    required_credentials: tuple[str, ...] = Field(
        (),
        description="Credential types that a participant must show before this node answers any of its protocol "
        "messages. All of them must be valid. Normally none, because conditions say who may use what.",
    )
    refuse_excess_scopes: bool = Field(
        False,
        description="Refuse a verifier that requests more of this node's credentials than it was granted. DCP "
        "1.0.1 leaves out the rest instead.",
    )
    unsigned_status_lists: bool = Field(
        False,
        description="Also accept status lists without a signature, trusting the host that serves them: for "
        "tests and the conformance kit.",
    )
    audiences: dict[str, str] = Field(
        default_factory=lambda: {"members": "MembershipCredential"},
        description="Audience → the credential type that its members hold. 'public' and 'internal' are built in.",
    )
    follow_seconds: float = Field(
        5.0,
        gt=0,
        description="How often the feeds of followed nodes are read again, unless they report their changes.",
    )
    status_max_age: float = Field(
        60.0,
        ge=0,
        description="How old (seconds) a status list may be when a credential is checked: the longest "
        "time for which a revocation can go unnoticed.",
    )
    presentation_max_age: float = Field(60.0, ge=0, description="How long a verified presentation of a peer is used.")
    access_minutes: float = Field(15.0, gt=0, description="How long the token of a data address is valid.")
    token_days: int = Field(
        365,
        ge=1,
        le=3660,
        description="The longest validity, in days, of a new API token. Existing tokens "
        "keep theirs; all end when the password is changed.",
    )
    second_factor: Literal["offered", "required"] = Field(
        "offered",
        description="Whether everybody but auditors needs a second factor before their roles work: people set one up "
        "on the page /account at their next sign-in. 'offered' leaves it to each of them.",
    )
    identity_providers: dict[str, ProviderSettings] = Field(
        default_factory=dict,
        description="OpenID providers with which people may sign in, beside local accounts, by a short name that is "
        "part of addresses. Each has `name`, `issuer`, `client_id`, `client_secret_file` (none for a public client), "
        "`scopes`, `groups_claim`, `roles` (group → roles) and `levels` (role → values of `acr`: a sign-in must have "
        "one of them). See how-to/sign-in-with-oidc.md.",
    )
    decision_days: int = Field(14, ge=1, description="After how many days an undecided request is refused.")
    open_negotiations_per_peer: int = Field(
        1000, ge=1, description="How many negotiations one participant that requested them may have open here."
    )
    waiting_offers_per_peer: int = Field(
        20, ge=1, description="How many offers of one participant may wait here for a person's answer."
    )
    open_transfers_per_peer: int = Field(
        1000, ge=1, description="How many transfers one participant that requested them may have open here."
    )
    messages_per_negotiation: int = Field(
        50,
        ge=4,
        description="After how many messages a negotiation allows no further offers, and a transfer no further "
        "pauses or starts.",
    )
    strangers_open_per_host: int = Field(
        100,
        ge=1,
        description="How many negotiations and transfers participants without an accepted credential may have "
        "open. It counts for one host of their names, and for one address that they call from.",
    )
    strangers_open: int = Field(1000, ge=1, description="How many all such participants may have open together.")
    strangers_bytes_per_host: int = Field(
        16 << 20,
        ge=64 << 10,
        description="How many bytes of messages of such participants are stored in a day (UTC). It counts for one "
        "host of their names, and for one address. Each message counts 1024 more.",
    )
    strangers_bytes: int = Field(
        256 << 20, ge=64 << 10, description="How many bytes of messages of all such participants are stored in a day."
    )
    strangers_work_per_address: int = Field(
        8,
        ge=1,
        description="How many catalogue requests of anonymous visitors are processed at once for one address.",
    )
    strangers_work: int = Field(
        24,
        ge=1,
        description="How many are processed at once for all addresses. Further ones wait for up to ten seconds.",
    )
    strangers_requests_per_address: int = Field(
        256,
        ge=1,
        description="How many of them may be open at one address, with those that wait and downloads under way.",
    )
    connections_per_address: int = Field(
        512,
        ge=1,
        description="How many connections one address may have here, unless it is one of trusted_proxies.",
    )
    followed_records: int = Field(
        200_000, ge=1, description="How many versions of its records one followed node may have here."
    )
    followed_bytes: int = Field(
        2 << 30, ge=1, description="How many bytes the statements of one followed node's records may have here."
    )
    send_bytes_per_second: int = Field(
        0, ge=0, description="Limit on the rate at which one transfer is sent; 0 means no limit."
    )
    upload_limit: int = Field(8 << 30, gt=0, description="The largest file, in bytes, that may be published.")
    description_limit: int = Field(16 << 20, gt=0, description="The largest description, in bytes.")
    allow_loopback: bool = Field(
        False, description="Also talk http to nodes on this very machine: for tests only, never in operation."
    )
    private_networks: tuple[str, ...] = Field(
        (), description="Networks (CIDR) that this node also connects to, for cities in a shared network: https only."
    )
    data_source_folders: tuple[str, ...] = Field(
        (),
        description="Folders of this machine, by their whole path, in which data sources of kind `folder` may lie. "
        "The node must be able to read them; its own data folder is never shared.",
    )
    query_seconds: float = Field(5.0, gt=0, description="The longest that one SPARQL query may take.")
    query_concurrency: int = Field(4, ge=1, description="How many caged calls may run at the same time.")
    model_seconds: float = Field(120.0, gt=0, description="The longest that one execution of a model may take.")
    model_memory: int = Field(512 << 20, ge=64 << 20, description="The memory, in bytes, that a model may use.")
    model_answer: int = Field(
        128 << 20,
        ge=1 << 20,
        le=512 << 20,
        description="The outputs, in bytes of JSON, that one execution of a model may give, here or elsewhere.",
    )
    model_concurrency: int = Field(2, ge=1, le=64, description="How many models may run at the same time.")
    model_libraries: tuple[str, ...] = Field(
        (),
        description="Modules beside the standard library that models may import here, such as numpy, with what their "
        "packages need.",
    )
    model_library_folder: Path | None = Field(
        None, description="The folder into which these were installed; else they are in the node's own environment."
    )
    peer_seconds: float = Field(
        20.0, gt=0, description="How long another node may take to answer a message before it is sent again."
    )
    ending_seconds: float = Field(
        8.0,
        ge=0,
        le=10,
        description="How long a node that is stopped continues its current work before it hands over the rest.",
    )
    lease_seconds: float = Field(
        30.0,
        ge=0.3,
        description="On PostgreSQL: how long the tasks of a worker that no longer responds wait for another.",
    )
    wait_for_views: bool = Field(True, description="Publishing answers once search, SPARQL and feed show the record.")
    mail_server: str = Field(
        "",
        description="The server that sends e-mails to people who subscribed: `smtp://user@mail.example:587` (with "
        "STARTTLS) or `smtps://…`. Empty: this node sends no e-mails.",
    )
    mail_password_file: Path | None = Field(
        None, description="A file whose first line is the password for the mail server."
    )
    mail_from: str = Field("", description="The sender of e-mails, such as data@ghent.example.")
    accent: str = Field("", description="The accent colour of the pages, as #rrggbb.")
    logo: Path | None = Field(None, description="An SVG or PNG file shown on the pages.")
    metrics_token: str = Field(
        "",
        repr=False,
        description="The token that a monitor sends as `Authorization: Bearer …` to read `/metrics`. If neither "
        "this nor metrics_token_file is set, operators and auditors of this node may read them with "
        "an API token or a session.",
    )
    metrics_token_file: Path | None = Field(
        None, description="A file whose first line is that token, such as a systemd credential."
    )
    log_format: Literal["text", "json"] = Field("text", description="How log lines are written to standard error.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")
    plugins: tuple[str, ...] = Field((), description="Further plug-in modules, beside those that are installed.")

    @model_validator(mode="before")
    @classmethod
    def _environment(cls, members: dict[str, Any]) -> dict[str, Any]:
        """Return ``members`` with those from the environment in place of the given ones. Lists and tables are JSON
        there."""
        variables = {name.lower(): value for name, value in os.environ.items()}
        fields = {name: f"{PREFIX}{name}".lower() for name in cls.model_fields}
        found = {name: variables[key] for name, key in fields.items() if key in variables}
        tables = [name for name in found if get_origin(cls.model_fields[name].annotation) in (tuple, dict)]
        return {**members, **found, **{name: _from_json(name, found[name]) for name in tables}}

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("public_url must be an address such as https://data.ghent.example")
        return value.rstrip("/")

    @field_validator("private_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for block in value:
            try:
                ip_network(block)
            except ValueError as error:
                raise ValueError(f"{block} is not a network such as 10.20.0.0/16: {error}") from error
        return value

    @field_validator("data_source_folders")
    @classmethod
    def _folders(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for folder in value:
            if not Path(folder).is_absolute():
                raise ValueError(f"{folder} is not a whole path such as /srv/open-data")
        return value

    @field_validator("identity_providers")
    @classmethod
    def _providers(cls, value: dict[str, ProviderSettings], info: ValidationInfo) -> dict[str, ProviderSettings]:
        check_providers(value, info.data["folder"])
        return value

    @field_validator("languages")
    @classmethod
    def _languages(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("name at least one language, such as nl")
        for tag in value:
            if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag):
                raise ValueError(f"{tag!r} is not a language tag such as nl")
        return value

    @field_validator("advised_profiles", "enforced_profiles")
    @classmethod
    def _profiles(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        from node.semantics.validation.profiles import names

        if not value:
            return value
        profiles_at_hand = names(info.data["folder"])
        for name in value:
            if name not in profiles_at_hand:
                raise ValueError(f"there is no profile {name!r}; the profiles are: {', '.join(profiles_at_hand)}")
        return value

    @field_validator("model_libraries")
    @classmethod
    def _modules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not name.isidentifier() or not name.isascii():
                raise ValueError(f"{name} is not the name of a module, such as numpy")
        return value

    @field_validator("metrics_token")
    @classmethod
    def _scraper(cls, value: str) -> str:
        if value and not is_scraper_token(value):
            raise ValueError(SCRAPER_WORDS)
        return value

    @field_validator("mail_server")
    @classmethod
    def _mail_server(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.password):
            raise ValueError("mail_server must be smtp://host:587 or smtps://host, without a password")
        return value

    @model_validator(mode="after")
    def _pairs(self) -> Settings:
        if self.metrics_token and self.metrics_token_file is not None:
            raise ValueError("metrics_token and metrics_token_file both name the token: remove one of them")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        if self.mail_server and not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", self.mail_from):
            raise ValueError("mail_server needs mail_from, the sender of e-mails, such as data@ghent.example")
        if self.keys_wrapped_by_file is not None and self.keys_wrapped_by_command:
            raise ValueError("set keys_wrapped_by_file or keys_wrapped_by_command, not both")
        return self

    @property
    def database(self) -> str:
        """Return the database URL in force."""
        return self.database_url or f"sqlite:///{(self.folder / 'hansa.sqlite').resolve()}"

    @property
    def is_embedded(self) -> bool:
        """Return whether the database is a file that only one process tree uses."""
        return self.database.startswith("sqlite")


def _from_json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f'{PREFIX}{name.upper()} in the environment is not JSON, such as ["nl"]') from error
