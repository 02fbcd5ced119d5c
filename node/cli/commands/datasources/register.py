"""source: the places outside the node in which a city's data are."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cli.exits import DONE, REFUSED
from node.cli.groups import Shorthand
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, line, remark, report_failure, report_success, say, size, suggest, table

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the data source, as in hansa source list.")]


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        cls=Shorthand,
        help="Register data sources: add, test, list, remove.",
    )
    verbs.command("add")(add)
    verbs.command("test")(try_source)
    verbs.command("list")(list_sources)
    verbs.command("remove")(remove)
    app.add_typer(verbs, name="source")


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the data source: a-z, 0-9 and hyphens.")],
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="http, folder, s3, features, wfs, wms, wmts, ngsi-ld, ngsi-v2, sensorthings, sparql, gtfs, gbfs, "
            "postgis, mqtt, amqp or kafka.",
        ),
    ],
    address: Annotated[
        str,
        typer.Argument(metavar="ADDRESS", help="Address of the server, API, bucket, database or broker."),
    ],
    user: Annotated[str, typer.Option(help="User, or access key of a bucket. The node asks for the password.")] = "",
    bearer: Annotated[bool, typer.Option("--bearer", help="Show a token: Authorization: Bearer …")] = False,
    header: Annotated[str, typer.Option(help="Show a key in this header, such as X-Api-Key.")] = "",
    secret_file: Annotated[
        Path | None, typer.Option(help="File with the password, token or key. Without it, the node asks for it.")
    ] = None,
    no_credentials: Annotated[bool, typer.Option("--no-credentials", help="Forget earlier credentials.")] = False,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="region (s3), schema (postgis), version (mqtt: 3.1.1), "
            "start (kafka: new or oldest), sasl (kafka: scram-sha-512 …), "
            "tenant (ngsi-ld, ngsi-v2), context (ngsi-ld), service_path (ngsi-v2), "
            "map (wfs, wms, wmts), schedule, trip_updates, vehicle_positions, alerts (gtfs), "
            "reads_per_minute (default 600).",
            show_default=False,
        ),
    ] = None,
    sink: Annotated[
        bool,
        typer.Option("--sink", help="Allow that received data are sent there (folder, s3, postgis, http, ngsi-ld)."),
    ] = False,
    node: Node = None,
) -> int:
    """Register a data source, or change it. Its password or key is stored sealed, and never shown again.

    Then try it with hansa source test, and name it in the description of a dataset.
    """
    credentials = _credentials(user, bearer, header, secret_file, forget=no_credentials)
    options = dict(_pair(text) for text in option or [])
    if sink:
        options["sink"] = "yes"
    with connect(node) as client:
        source = client.data_sources.add(name, kind, address, options=options, credentials=credentials)
    if Mode.json:
        emit(source)
        return DONE
    report_success(f"{name} is registered", detail=_access(source))
    remark(f"to try it: hansa source test {word(name)}")
    return DONE


def try_source(
    name: _Name,
    item: Annotated[
        str,
        typer.Option(help="Read this file, object, table, collection, type or topic; else the first."),
    ] = "",
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Try a data source: what works, and what you could offer from it. Exit status 1 if something fails."""
    with connect(node) as client:
        report = client.data_sources.test(name, item=item, language=lang)
    if Mode.json:
        emit(report)
        return DONE if report["passed"] else REFUSED
    for step in report["steps"]:
        if step["passed"]:
            report_success(step["text"])
        else:
            report_failure(step["text"])
            if step.get("remedy"):
                suggest(step["remedy"])
    rows = [[entry["item"], entry["mediaType"], _extent(entry), entry["title"]] for entry in report["items"]]
    if rows:
        table(rows, ["item", "type", "size", "title"])
    return DONE if report["passed"] else REFUSED


def list_sources(node: Node = None) -> int:
    """List the data sources. Passwords and keys are not shown."""
    with connect(node) as client:
        answer = client.data_sources.all()
    if Mode.json:
        emit(answer["sources"])
        return DONE
    for source in answer["sources"]:
        say(f"{source['name']}  {source['kind']}  {source['address']}")
        line("access", _access(source))
        for key, value in source["options"].items():
            line(key, value)
        line("registered", f"{source['at'][:10]} by {source['by']}")
    if not answer["sources"]:
        say("This node has no data sources.")
        suggest("hansa source add NAME KIND ADDRESS")
    return DONE


def remove(name: _Name, node: Node = None) -> int:
    """Forget a data source and its password. What it shares can no longer be read."""
    with connect(node) as client:
        client.data_sources.remove(name)
    if Mode.json:
        emit({"name": name, "removed": True})
    else:
        report_success(f"{name} is no longer a data source", detail="what it shares can no longer be read")
    return DONE


def _credentials(
    user: str, bearer: bool, header: str, secret_file: Path | None, *, forget: bool
) -> dict[str, str] | None:
    if sum(map(bool, (user, bearer, header, forget))) > 1:
        raise InvalidInput("several kinds of credentials are named", remedy="one of --user, --bearer and --header")
    if forget:
        return {"scheme": "none"}
    scheme = "basic" if user else "bearer" if bearer else "header" if header else ""
    if not scheme:
        if secret_file is not None:
            raise InvalidInput("it is not said how to show the secret", remedy="--user, --bearer or --header")
        return None
    return {"scheme": scheme, "name": user or header, "secret": _secret(secret_file)}


def _secret(file: Path | None) -> str:
    """Return the secret from a file, a pipe or the keyboard: never from an argument, which other users could see."""
    if file is not None:
        try:
            return file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(
                f"{file} cannot be read", remedy="name a file with the secret in its first line"
            ) from error
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return str(typer.prompt("password, token or key of the data source", hide_input=True, err=True))


def _extent(item: Mapping[str, Any]) -> str:
    """Return the size of an item, or the number of its entries."""
    if item["size"] is not None:
        return size(item["size"])
    return "" if item["entries"] is None else f"{item['entries']} entries"


def _pair(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise InvalidInput(f"{text!r} is no option", remedy="such as --option region=eu-central-1")
    return name, value


def _access(source: Mapping[str, Any]) -> str:
    hint = source["credentials"]
    if hint is None:
        return "without credentials"
    match hint["scheme"]:
        case "basic":
            return f"as user {hint['name']}, password sealed"
        case "bearer":
            return "with a token, sealed"
        case _:
            return f"with a key in the header {hint['name']}, sealed"
