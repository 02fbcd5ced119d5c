"""stream: observations that arrive all the time, described, sent and looked at."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from node.base.clock import SystemClock, stamp
from node.base.errors import InvalidInput
from node.base.jsons import read_object
from node.base.plaintext import word
from node.cli.commands.datasources.bridges import add_bridge_verbs
from node.cli.commands.datasources.live import open_access
from node.cli.commands.processes import tell_why
from node.cli.exits import DONE, REFUSED
from node.cli.groups import Shorthand
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, beside_data, emit, exact, line, remark, report_failure, report_success, say, suggest

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the stream, as in hansa stream list.")]
_Asset = Annotated[str, typer.Argument(metavar="IRI", help="Address of the asset, or id of the agreement.")]
_From = Annotated[
    str, typer.Option("--from", help="Begin at this time, such as 2026-11-22T08:00:00Z.", show_default=False)
]
_COMPLETE: Final = "period-over"
_ALL_REFUSED: Final = "nonconforming-observations"
"""The code of a refusal that has a receipt, as no observation of the message conforms."""
_SHOWN: Final = 20
"""Reasons that are shown."""
_PIECE: Final = 900_000
"""Bytes of one message: a node takes up to 1 MB."""
_TYPES: Final = {
    ".json": "application/json",
    ".geojson": "application/json",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".csv": "text/csv",
}


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        cls=Shorthand,
        help="Streams: add, send, connect, show, follow, …",
    )
    verbs.command("add")(add)
    verbs.command("send")(send)
    verbs.command("connect")(connect_broker)
    verbs.command("disconnect")(disconnect_broker)
    verbs.command("list")(list_streams)
    verbs.command("show")(show)
    verbs.command("faults")(faults)
    verbs.command("follow")(follow)
    verbs.command("replay")(replay)
    verbs.command("ldes")(ldes)
    verbs.command("remove")(remove)
    add_bridge_verbs(verbs)
    app.add_typer(verbs, name="stream")


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the stream: a-z, 0-9 and hyphens.")],
    schema: Annotated[Path, typer.Option(help="File with the JSON Schema of one observation.")],
    time: Annotated[str, typer.Option(help="The member with the time of an observation.")] = "at",
    subject: Annotated[str, typer.Option(help="The member that names what was observed, such as a counter.")] = "",
    key: Annotated[
        list[str] | None,
        typer.Option(help="Members that tell observations apart; default: all.", show_default=False),
    ] = None,
    keep: Annotated[str, typer.Option(help="How long observations are kept: 30m, 12h, 7d, 2w.")] = "7d",
    most: Annotated[int, typer.Option(help="How many observations are kept at most.")] = 10_000_000,
    node: Node = None,
) -> int:
    """Describe a stream, or change its description. Its observations stay.

    Then send observations to it, and name it in the description of a dataset: data_source: streams, item: NAME.
    """
    rules = read_object(_read(schema))
    with connect(node) as client:
        stream = client.streams.add(
            name, rules, time=time, subject=subject, key=list(key or ()), keep=keep, most=most
        )
    if Mode.json:
        emit(stream)
        return DONE
    report_success(f"{name} takes observations", detail=_retention(stream))
    remark(f"to send some: hansa stream send {word(name)} FILE")
    return DONE


def send(
    name: _Name,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON, lines of JSON (.ndjson) or CSV; - for lines of JSON.")
    ],
    node: Node = None,
) -> int:
    """Send observations to a stream. Exit status 1 if some are refused. Sending again does no harm."""
    from node.client.api import Refusal

    counts = {"accepted": 0, "repeated": 0, "refused": 0}
    reasons: list[dict[str, Any]] = []
    kind = _TYPES.get(file.suffix.lower(), "application/x-ndjson")
    with connect(node) as client:
        for start, body in _messages(file, kind):
            try:
                receipt = client.streams.send_bytes(name, body, kind)
            except Refusal as refusal:
                if refusal.problem.get("code") != _ALL_REFUSED:
                    raise
                receipt = refusal.problem  # What came before is stored, and what follows may conform.
            for count in counts:
                counts[count] += receipt[count]
            more = _SHOWN - len(reasons)
            reasons += [{**fault, "place": fault["place"] + start} for fault in receipt["faults"][:more]]
    if Mode.json:
        emit({**counts, "faults": reasons})
        return REFUSED if counts["refused"] else DONE
    if counts["accepted"] or not counts["refused"]:
        again = f", {counts['repeated']} were there already" if counts["repeated"] else ""
        report_success(f"{counts['accepted']} observations stored{again}")
    if counts["refused"]:
        report_failure(f"{counts['refused']} observations refused")
        for fault in reasons:
            line("", f"number {fault['place'] + 1}: {fault['reason']}")
        suggest(f"hansa stream faults {word(name)}")
    return REFUSED if counts["refused"] else DONE


def connect_broker(
    name: _Name,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The broker, as in hansa source list.")],
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="Topic filter, such as city/counters/+.")],
    form: Annotated[str, typer.Option("--format", help="Form of a payload: json, ndjson, csv or text.")] = "json",
    take: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MEMBER=PLACE",
            help="Where a member of an observation is: payload, payload:count/value, topic, topic:2 (a level), "
            "key (of Kafka), text:VALUE, arrival. *=payload takes all members. "
            "Default: the payload is the observation.",
            show_default=False,
        ),
    ] = None,
    node: Node = None,
) -> int:
    """Let a stream take the messages of a broker. Its earlier connection is replaced.

    The broker is a data source: hansa source add NAME mqtt mqtts://HOST --user USER,
    or amqp amqps://HOST, or kafka kafkas://HOST; or ngsi-ld https://HOST/ngsi-ld/v1, or ngsi-v2 https://HOST/v2,
    whose topics are types of entities: TrafficCounter, or TrafficCounter/count.
    """
    places = dict(_place(text) for text in take or [])
    with connect(node) as client:
        broker = client.streams.connect(name, source, topic, form=form, take=places)
    if Mode.json:
        emit(broker)
        return DONE
    report_success(f"{name} takes the messages of {topic}", detail=f"from {source}")
    remark(f"to see whether they come: hansa stream show {word(name)}")
    return DONE


def disconnect_broker(name: _Name, node: Node = None) -> int:
    """Take no more messages of a broker. The observations stay."""
    with connect(node) as client:
        client.streams.disconnect(name)
    if Mode.json:
        emit({"name": name, "broker": None})
    else:
        report_success(f"{name} takes no more messages", detail="its observations stay")
    return DONE


def list_streams(node: Node = None) -> int:
    """List the streams, with what they have taken and refused."""
    with connect(node) as client:
        streams = client.streams.all()
    if Mode.json:
        emit(streams)
        return DONE
    for stream in streams:
        say(stream["name"])
        line(
            "observations", f"{stream['accepted']} taken, {stream['repeated']} repeated, {stream['refused']} refused"
        )
        line("kept", _retention(stream))
        _show_broker(stream)
    if not streams:
        say("This node has no streams.")
        suggest("hansa stream add NAME --schema FILE")
    return DONE


def show(name: _Name, node: Node = None) -> int:
    """Show a stream, and the latest observation of each subject."""
    with connect(node) as client:
        stream = client.streams.stream(name)
        latest = client.streams.latest(name)
    if Mode.json:
        emit({**stream, "latest": latest})
        return DONE
    say(stream["name"])
    line("observations", f"{stream['accepted']} taken, {stream['repeated']} repeated, {stream['refused']} refused")
    line("kept", _retention(stream))
    line("time", stream["time"])
    if stream["subject"]:
        line("subject", stream["subject"])
    line("key", ", ".join(stream["key"]) or "all members")
    _show_broker(stream)
    for entry in latest:
        say(json.dumps(entry["observation"], ensure_ascii=False))
    return DONE


def faults(name: _Name, node: Node = None) -> int:
    """Show the observations that were refused, with the reasons."""
    with connect(node) as client:
        refusals = client.streams.faults(name)
    if Mode.json:
        emit(refusals)
        return DONE
    for fault in refusals:
        say(f"{fault['at'][:19]}Z  {fault['reason']}")
        line("", fault["text"][:200])
    if not refusals:
        report_success("no observation was refused")
    return DONE


def remove(name: _Name, node: Node = None) -> int:
    """Remove a stream with its observations. Open reads of it end."""
    with connect(node) as client:
        client.streams.remove(name)
    if Mode.json:
        emit({"name": name, "removed": True})
    else:
        report_success(f"{name} is no longer a stream", detail="its observations are removed")
    return DONE


def follow(
    asset: _Asset,
    start: _From = "",
    after: Annotated[str, typer.Option(help="Go on after the event with this id.", show_default=False)] = "",
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Print observations as they come, one in each line.

    It needs an agreement: hansa get IRI --agree-only. Without --from, only what is new is printed.
    """
    return _print_events(asset, node, lang, start=start, after=after)


def replay(
    asset: _Asset,
    start: _From = "",
    end: Annotated[
        str, typer.Option("--to", help="End of the period, such as 2026-11-22T09:00:00Z.", show_default=False)
    ] = "",
    speed: Annotated[float | None, typer.Option(help="How many times faster: 60 is an hour in a minute.")] = None,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Print a period of a stream, one observation in each line.

    It needs an agreement: hansa get IRI --agree-only. Without --speed, all come at once.
    """
    return _print_events(
        asset, node, lang, start=start, end=end or ("" if speed else stamp(SystemClock().now())), speed=speed
    )


def ldes(asset: _Asset, node: Node = None, lang: Language = "en") -> int:
    """Open a stream as a Linked Data Event Stream (LDES).

    The address and the token are for your own programs. It needs an agreement: hansa get IRI --agree-only. The
    provider checks it for every page.
    """
    # Imported here: other commands of this module need no client of HTTP before they connect.
    from node.client import OpenStream

    with connect(node) as client:
        access = open_access(client, asset, lang=lang)
    if access is None:
        return REFUSED
    address, header = OpenStream(access).event_stream, f"Authorization: {access['authorization']}"
    if Mode.json:
        emit({**access, "eventStream": address})
        return DONE
    report_success("the event stream is open", detail=f"until {access['expires']}")
    line("address", address)
    line("header", header)
    line("formats", "Turtle, JSON-LD, N-Quads, TriG, N-Triples")
    line("try it", f"curl -H 'Accept: text/turtle' -H '{header}' {word(address)}")
    remark(f"to end it: hansa transfer complete {word(access['transfer'])}")
    return DONE


def _print_events(asset: str, node: str | None, lang: str, **query: Any) -> int:
    # Imported here: other commands of this module need no client of HTTP before they connect.
    from node.client import OpenStream

    with connect(node) as client, beside_data():
        access = open_access(client, asset, lang=lang)
    if access is None:
        return REFUSED
    ending: dict[str, Any] = {}
    for event in OpenStream(access).events(**query):
        match event["event"]:
            case "observation":
                exact(json.dumps(event["data"], ensure_ascii=False).encode() + b"\n")
            case "gap":
                remark(event["data"]["reason"])
            case "end":
                ending = event["data"]
    if ending.get("code") == _COMPLETE:
        return DONE
    report_failure(ending.get("reason", "the stream has ended"))
    with beside_data():
        tell_why(ending.get("reasons", ()), lang)
    if ending.get("remedy"):
        suggest(ending["remedy"])
    return REFUSED


def _messages(file: Path, kind: str) -> Iterator[tuple[int, bytes]]:
    """Yield messages that a node takes, each with the number of observations before it. JSON is sent as it is."""
    if kind == "application/json":
        yield 0, _read(file)
        return
    # What is typed or piped is sent line by line: a program may write observations as they come.
    live = str(file) == "-"
    try:
        source = sys.stdin.buffer if live else file.open("rb")
        with source:
            head = source.readline() if kind == "text/csv" else b""
            piece, start, count = [head], 0, 0
            size = len(head)
            for text in source:
                if count and (size + len(text) > _PIECE or count == 10_000):
                    yield start, b"".join(piece)
                    piece, start, count, size = [head], start + count, 0, len(head)
                piece.append(text)
                count += 1
                size += len(text)
                if live:
                    yield start, b"".join(piece)
                    piece, start, count, size = [head], start + count, 0, len(head)
            if count or not start:
                yield start, b"".join(piece)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read", remedy="name a file of observations") from error


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read", remedy="name a file that exists") from error


def _place(text: str) -> tuple[str, str]:
    name, mark, place = text.partition("=")
    if not mark or not name:
        raise InvalidInput(f"{text!r} names no member", remedy="such as --take station=topic:3")
    return name, place


def _show_broker(stream: dict[str, Any]) -> None:
    """Show the broker of a stream and the state of the connection."""
    broker = stream["broker"]
    if broker is None:
        return
    line("broker", f"{broker['topic']} of {broker['source']}")
    if broker["connectedSince"]:
        line("connected", f"since {broker['connectedSince'][:19]}Z, {broker['messages']} messages")
        if not broker["repeatsUnacknowledged"]:
            line("", "the broker sends each message once only: some may be lost")
    elif not broker["error"]:
        line("connected", "not yet")
    if broker["error"]:
        line(
            "last error" if broker["connectedSince"] else "not connected",
            f"{broker['errorAt'][:19]}Z: {broker['error']}",
        )
        if not broker["connectedSince"] and broker["remedy"]:
            suggest(broker["remedy"])


def _retention(stream: dict[str, Any]) -> str:
    days, rest = divmod(stream["keepSeconds"], 86400)
    length = f"{days} days" if not rest else f"{stream['keepSeconds'] // 60} minutes"
    return f"for {length}, at most {stream['most']}"
