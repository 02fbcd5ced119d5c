"""All verbs, and the options that they share."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Final

import typer

from node import __version__
from node.cli.groups import name_values
from node.cli.output import Mode

VERBS: Final = {
    "setup": ("init", "serve", "worker"),
    "drafts": ("draft",),
    "publication.publish": ("publish", "withdraw", "erase"),
    "publication.change": ("change",),
    "publication.story": ("story",),
    "publication.conditions": ("conditions",),
    "imports": ("import",),
    "harvests": ("harvest",),
    "datasources.register": ("source",),
    "datasources.live": ("live",),
    "datasources.query": ("query",),
    "datasources.streams": ("stream",),
    "datasources.shipments": ("shipment",),
    "synth": ("synth",),
    "find": ("find", "show", "diff", "sparql"),
    "personal.subscriptions": ("subscription",),
    "personal.questions": ("question",),
    "meaning.terms": ("terms",),
    "meaning.checks": ("check",),
    "meaning.schemas": ("schema",),
    "meaning.alignments": ("align",),
    "meaning.mappings": ("mapping",),
    "meaning.reasoner": ("reason",),
    "meaning.fairness": ("fairness",),
    "meaning.transformations": ("transform",),
    "get": ("get",),
    "agreements": ("agreement",),
    "negotiations": ("negotiation",),
    "transfers": ("transfer",),
    "limits": ("limits",),
    "region.eligibility": ("eligibility",),
    "models": ("model",),
    "layers": ("layer",),
    "runs": ("run",),
    "region.membership": ("join", "leave"),
    "region.rulebook": ("rulebook",),
    "region.templates": ("template",),
    "region.place": ("place",),
    "people": ("decide", "follow", "user"),
    "region.credentials": ("revoke", "suspend", "reinstate"),
    "peers": ("members",),
    "members": ("member",),
    "tokens": ("token",),
    "oversight.reports": ("config", "audit", "callers", "storage"),
    "oversight.quality": ("quality",),
    "deliveries": ("deliveries",),
    "oversight.webhooks": ("webhook",),
    "keys": ("keys",),
    "profiles": ("profile",),
    "meaning.thesauri": ("thesaurus",),
    "upkeep": ("status", "verify", "backup", "restore", "accept-loss", "doctor", "demo"),
}
"""Module of ``node.cli.commands`` → its verbs, in the order of ``hansa --help``."""


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"hansa {__version__}")
        raise typer.Exit


def app_for(arguments: Sequence[str] = ()) -> typer.Typer:
    """Return the command line with the verb that ``arguments`` name, or with all verbs if they name no known verb.

    A call uses one verb of forty: loading the others would take longer than the work of most verbs.
    """
    verb = next((word for word in arguments if not word.startswith("-")), None)
    modules = [name for name, verbs in VERBS.items() if verb in verbs]
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
            "Commands for a running node take --node FOLDER, or an address with HANSA_TOKEN. "
            "No telemetry: this program connects only to your node."
        ),
    )
    app.callback()(options)
    for name in modules or VERBS:
        import_module(f"node.cli.commands.{name}").register(app)
    name_values(app)
    return app


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
