"""All verbs, and the options that they share."""

from __future__ import annotations

from typing import Annotated

import typer

from node import __version__
from node.cli.commands import (
    agreements,
    deliveries,
    find,
    followed,
    get,
    keys,
    layers,
    limits,
    members,
    models,
    negotiations,
    people,
    publish,
    runs,
    setup,
    synth,
    tokens,
    transfers,
    upkeep,
)
from node.cli.output import Mode

app = typer.Typer(
    name="hansa",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Share datasets, models and scenarios between cities.\n\n"
        "A first session:\n\n"
        "  hansa init ghent --name 'City of Ghent' --url https://data.ghent.example\n\n"
        "  hansa serve ghent\n\n"
        "  hansa publish counters.yaml\n\n"
        "  hansa find bicycle\n\n"
        "  hansa get https://data.plzen.example/models/road-noise\n\n"
        "Verbs that speak to a running node take --node FOLDER (or an address, with HANSA_TOKEN). "
        "No telemetry: this program speaks to your node and to nobody else."
    ),
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"hansa {__version__}")
        raise typer.Exit


@app.callback()
def options(
    json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for scripts.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that every verb takes, before the verb."""
    del version
    Mode.json = json
    Mode.debug = debug


for module in (
    *(setup, publish, synth, find, get, agreements, negotiations, transfers, limits),
    *(models, layers, runs, people, followed, members, tokens, deliveries, keys, upkeep),
):
    module.register(app)
