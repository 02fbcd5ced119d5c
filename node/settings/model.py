"""All settings of a node, with their meanings and defaults."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_origin

from node.settings.checks import CHECKS
from node.settings.fields import SettingGroup, fields_of, setting
from node.settings.providers import ProviderSettings
from node.settings.values import SettingFault

PREFIX = "HANSA_"


@dataclass(frozen=True, kw_only=True)
class Settings(SettingGroup):
    """The settings in force. ``docs/reference/settings.md`` is generated from these descriptions."""

    folder: Path = setting(description="The data folder of this node.")
    name: str = setting(
        "Hansa node", description="Name of the organisation that runs this node: shown on pages and in agreements."
    )
    contact: str = setting("", description="How to contact the operator: an e-mail address or a web page.")
    public_url: str = setting(
        description="The address under which others reach this node. It is part of every identifier and cannot be "
        "changed later."
    )
    host: str = setting("127.0.0.1", description="The address to listen on.")
    port: int = setting(8080, ge=1, le=65535, description="The port to listen on.")
    tls_certificate: Path | None = setting(
        None, description="PEM file, to serve TLS directly; else use a reverse proxy."
    )
    tls_key: Path | None = setting(None, description="PEM file of the certificate's key.")
    keys_wrapped_by_file: Path | None = setting(
        None,
        description="File with the key that encrypts this node's private keys, such as one that systemd "
        "provides (LoadCredential). After setting it: hansa keys wrap.",
    )
    keys_wrapped_by_command: str = setting(
        "",
        description="Command whose output is that key, such as one of a key management service. It runs without a "
        "shell, at the start of each process.",
    )
    trusted_proxies: str = setting(
        "127.0.0.1", description="Addresses of reverse proxies whose forwarded headers count."
    )
    database_url: str = setting(
        "", description="SQLAlchemy URL of the database; empty means SQLite in the data folder."
    )
    languages: tuple[str, ...] = setting(
        ("en",),
        description="Languages of this node's documents, first the main one: titles and texts "
        "without a language are tagged with it. For older nodes the default is English.",
    )
    advised_profiles: tuple[str, ...] = setting(
        (),
        description="Further profiles whose rules give warnings when publishing, such as dcat-ap-vl, or one of this "
        "node's own (hansa profile list).",
    )
    enforced_profiles: tuple[str, ...] = setting((), description="Further profiles whose rules must be met.")
    impact_assessments: bool = setting(
        False,
        description="Whether a dataset with personal data is offered only if its description names an impact "
        "assessment (Article 35 GDPR).",
    )
    wrong_data: Literal["warn", "refuse"] = setting(
        "warn",
        description="What happens to data that do not conform to the schema that they name, if the schema does not "
        "say it: warn or refuse.",
    )
    region: str = setting("", description="DID of the region whose rulebook and credentials this node accepts.")
    trust: dict[str, tuple[str, ...]] = setting(
        default_factory=dict,
        description="Credential type → DIDs of the issuers that are trusted for it, besides the region.",
    )
    issuer: bool = setting(False, description="This node admits members: it issues and revokes credentials.")
    issues: tuple[str, ...] = setting(
        ("MembershipCredential", "MobilityPartnerCredential"),
        description="Credential types that an issuer node offers.",
    )
    credential_profiles: dict[str, Literal["vc20-bssl/jwt", "vc11-sl2021/jwt"]] = setting(
        default_factory=dict,
        description="Credential type → the profile of DCP 1.0 (appendix A) in which an issuer node issues it. Use "
        "it for holders who read only that profile. A type that is not named is issued as "
        "vc20-bssl/jwt.",
    )
    credential_formats: dict[str, str] = setting(
        default_factory=dict,
        description="Profile → its name in the messages that deliver credentials. Use it for holders who know it "
        "by another name, such as vc11-sl2021/jwt → VC1_0_JWT.",
    )
    required_credentials: tuple[str, ...] = setting(
        (),
        description="Credential types that a participant must show before this node answers any of its protocol "
        "messages. All of them must be valid. Normally none, because conditions say who may use what.",
    )
    refuse_excess_scopes: bool = setting(
        False,
        description="Refuse a verifier that requests more of this node's credentials than it was granted. DCP "
        "1.0.1 leaves out the rest instead.",
    )
    unsigned_status_lists: bool = setting(
        False,
        description="Also accept status lists without a signature, trusting the host that serves them: for "
        "tests and the conformance kit.",
    )
    audiences: dict[str, str] = setting(
        default_factory=lambda: {"members": "MembershipCredential"},
        description="Audience → the credential type that its members hold. 'public' and 'internal' are built in.",
    )
    follow_seconds: float = setting(
        5.0,
        gt=0,
        description="How often the feeds of followed nodes are read again, unless they report their changes.",
    )
    status_max_age: float = setting(
        60.0,
        ge=0,
        description="How old (seconds) a status list may be when a credential is checked: the longest "
        "time for which a revocation can go unnoticed.",
    )
    presentation_max_age: float = setting(
        60.0, ge=0, description="How long a verified presentation of a peer is used."
    )
    access_minutes: float = setting(15.0, gt=0, description="How long the token of a data address is valid.")
    token_days: int = setting(
        365,
        ge=1,
        le=3660,
        description="The longest validity, in days, of a new API token. Existing tokens "
        "keep theirs; all end when the password is changed.",
    )
    second_factor: Literal["offered", "required"] = setting(
        "offered",
        description="Whether everybody but auditors needs a second factor before their roles work: people set one up "
        "on the page /account at their next sign-in. 'offered' leaves it to each of them.",
    )
    identity_providers: dict[str, ProviderSettings] = setting(
        default_factory=dict,
        description="OpenID providers with which people may sign in, beside local accounts, by a short name that is "
        "part of addresses. Each has `name`, `issuer`, `client_id`, `client_secret_file` (none for a public client), "
        "`scopes`, `groups_claim`, `roles` (group → roles) and `levels` (role → values of `acr`: a sign-in must have "
        "one of them). See how-to/sign-in-with-oidc.md.",
    )
    decision_days: int = setting(14, ge=1, description="After how many days an undecided request is refused.")
    open_negotiations_per_peer: int = setting(
        1000, ge=1, description="How many negotiations one participant that requested them may have open here."
    )
    waiting_offers_per_peer: int = setting(
        20, ge=1, description="How many offers of one participant may wait here for a person's answer."
    )
    open_transfers_per_peer: int = setting(
        1000, ge=1, description="How many transfers one participant that requested them may have open here."
    )
    messages_per_negotiation: int = setting(
        50,
        ge=4,
        description="After how many messages a negotiation allows no further offers, and a transfer no further "
        "pauses or starts.",
    )
    strangers_open_per_host: int = setting(
        100,
        ge=1,
        description="How many negotiations and transfers participants without an accepted credential may have "
        "open. It counts for one host of their names, and for one address that they call from.",
    )
    strangers_open: int = setting(1000, ge=1, description="How many all such participants may have open together.")
    strangers_bytes_per_host: int = setting(
        16 << 20,
        ge=64 << 10,
        description="How many bytes of messages of such participants are stored in a day (UTC). It counts for one "
        "host of their names, and for one address. Each message counts 1024 more.",
    )
    strangers_bytes: int = setting(
        256 << 20, ge=64 << 10, description="How many bytes of messages of all such participants are stored in a day."
    )
    strangers_work_per_address: int = setting(
        8,
        ge=1,
        description="How many catalogue requests of anonymous visitors are processed at once for one address.",
    )
    strangers_work: int = setting(
        24,
        ge=1,
        description="How many are processed at once for all addresses. Further ones wait for up to ten seconds.",
    )
    strangers_requests_per_address: int = setting(
        256,
        ge=1,
        description="How many of them may be open at one address, with those that wait and downloads under way.",
    )
    connections_per_address: int = setting(
        512,
        ge=1,
        description="How many connections one address may have here, unless it is one of trusted_proxies.",
    )
    followed_records: int = setting(
        200_000, ge=1, description="How many versions of its records one followed node may have here."
    )
    followed_bytes: int = setting(
        2 << 30, ge=1, description="How many bytes the statements of one followed node's records may have here."
    )
    send_bytes_per_second: int = setting(
        0, ge=0, description="Limit on the rate at which one transfer is sent; 0 means no limit."
    )
    upload_limit: int = setting(8 << 30, gt=0, description="The largest file, in bytes, that may be published.")
    conversion_limit: int = setting(
        1 << 30, gt=0, description="The largest file, in bytes, that is converted to another format, or made by it."
    )
    conversion_space: int = setting(
        10 << 30, gt=0, description="The bytes of converted files, each kept for a day, from which no more are made."
    )
    conversion_seconds: float = setting(
        300.0, gt=0, description="The most time, in seconds, that one conversion of a file may take."
    )
    description_limit: int = setting(16 << 20, gt=0, description="The largest description, in bytes.")
    allow_loopback: bool = setting(
        False, description="Also talk http to nodes on this very machine: for tests only, never in operation."
    )
    private_networks: tuple[str, ...] = setting(
        (), description="Networks (CIDR) that this node also connects to, for cities in a shared network: https only."
    )
    data_source_folders: tuple[str, ...] = setting(
        (),
        description="Folders of this machine, by their whole path, in which data sources of kind `folder` may lie. "
        "The node must be able to read them; its own data folder is never shared.",
    )
    query_seconds: float = setting(5.0, gt=0, description="The longest that one SPARQL query may take.")
    query_concurrency: int = setting(4, ge=1, description="How many caged calls may run at the same time.")
    model_seconds: float = setting(120.0, gt=0, description="The longest that one execution of a model may take.")
    model_memory: int = setting(512 << 20, ge=64 << 20, description="The memory, in bytes, that a model may use.")
    model_answer: int = setting(
        128 << 20,
        ge=1 << 20,
        le=512 << 20,
        description="The outputs, in bytes of JSON, that one execution of a model may give, here or elsewhere.",
    )
    model_concurrency: int = setting(2, ge=1, le=64, description="How many models may run at the same time.")
    model_libraries: tuple[str, ...] = setting(
        (),
        description="Modules beside the standard library that models may import here, such as numpy, with what their "
        "packages need.",
    )
    model_library_folder: Path | None = setting(
        None, description="The folder into which these were installed; else they are in the node's own environment."
    )
    peer_seconds: float = setting(
        20.0, gt=0, description="How long another node may take to answer a message before it is sent again."
    )
    ending_seconds: float = setting(
        8.0,
        ge=0,
        le=10,
        description="How long a node that is stopped continues its current work before it hands over the rest.",
    )
    lease_seconds: float = setting(
        30.0,
        ge=0.3,
        description="On PostgreSQL: how long the tasks of a worker that no longer responds wait for another.",
    )
    wait_for_views: bool = setting(
        True, description="Publishing answers once search, SPARQL and feed show the record."
    )
    mail_server: str = setting(
        "",
        description="The server that sends e-mails to people who subscribed: `smtp://user@mail.example:587` (with "
        "STARTTLS) or `smtps://…`. Empty: this node sends no e-mails.",
    )
    mail_password_file: Path | None = setting(
        None, description="A file whose first line is the password for the mail server."
    )
    mail_from: str = setting("", description="The sender of e-mails, such as data@ghent.example.")
    link_check_days: int = setting(
        14,
        ge=0,
        le=365,
        description="The days between two checks of a link in the catalogue. The node asks each address in the "
        "records that it publishes or harvests whether it works, slowly, and only at hosts that it may dial. 0: no "
        "link is checked.",
    )
    link_check_day_limit: int = setting(
        2000,
        ge=1,
        le=100_000,
        description="The links of one host that are checked in a day, at most. A restart begins to count anew.",
    )
    link_check_exceptions: tuple[str, ...] = setting(
        (),
        description="Hosts whose links are never checked, such as `data.ghent.example`, because their publisher does "
        "not want it.",
    )
    time_zone: str = setting(
        "UTC",
        description="The time zone of the times on the pages, such as Europe/Brussels. UTC is behind the pointer.",
    )
    accent: str = setting("", description="The accent colour of the pages, as #rrggbb.")
    logo: Path | None = setting(None, description="An SVG or PNG file shown on the pages.")
    base_map: Path | None = setting(
        None,
        description="A PMTiles file (version 3) under the maps on the pages, instead of the countries of "
        "Natural Earth: vector tiles in the layers of Protomaps or OpenMapTiles, or pictures.",
    )
    base_map_attribution: str = setting(
        "",
        max_length=200,
        description="The source of the base map, as its maps name it, such as © OpenStreetMap contributors.",
    )
    story_sites: tuple[str, ...] = setting(
        ("*",),
        description="The sites that may show stories of public results in a frame, such as https://www.ghent.example "
        "or https://*.ghent.example; `*` stands for all sites, an empty list for none. No other page can be framed.",
    )
    metrics_token: str = setting(
        "",
        repr=False,
        description="The token that a monitor sends as `Authorization: Bearer …` to read `/metrics`. If neither "
        "this nor metrics_token_file is set, operators and auditors of this node may read them with "
        "an API token or a session.",
    )
    metrics_token_file: Path | None = setting(
        None, description="A file whose first line is that token, such as a systemd credential."
    )
    log_format: Literal["text", "json"] = setting("text", description="How log lines are written to standard error.")
    log_level: Literal["debug", "info", "warning", "error"] = setting("info", description="What is logged.")
    plugins: tuple[str, ...] = setting((), description="Further plug-in modules, beside those that are installed.")

    def __post_init__(self) -> None:
        """Put each setting into its form, and check that they go together. Raises ``SettingFault``."""
        super().__post_init__()
        _check_pairs(self)

    def _overrides(self) -> dict[str, Any]:
        """Return the settings that the environment has. Lists and tables are JSON there."""
        variables = {name.lower(): value for name, value in os.environ.items()}
        return {
            name: _from_json(name, variables[key]) if get_origin(own.annotation) in (tuple, dict) else variables[key]
            for name, own in fields_of(type(self)).items()
            if (key := f"{PREFIX}{name}".lower()) in variables
        }

    def _check(self, name: str, value: Any) -> Any:
        check = CHECKS.get(name)
        return value if check is None else check(value, self.folder)

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
        words = f'{PREFIX}{name.upper()} in the environment is not JSON, such as ["nl"]'
        raise SettingFault(words, name) from error


def _check_pairs(settings: Settings) -> None:
    """Raise ``SettingFault`` if two settings contradict each other, or one needs another."""
    if settings.metrics_token and settings.metrics_token_file is not None:
        raise SettingFault("metrics_token and metrics_token_file both name the token: remove one of them")
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise SettingFault("tls_certificate and tls_key go together")
    if settings.mail_server and not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", settings.mail_from):
        raise SettingFault("mail_server needs mail_from, the sender of e-mails, such as data@ghent.example")
    if settings.keys_wrapped_by_file is not None and settings.keys_wrapped_by_command:
        raise SettingFault("set keys_wrapped_by_file or keys_wrapped_by_command, not both")
