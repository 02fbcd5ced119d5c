"""publish, withdraw, erase: from files that a steward wrote to a record that peers find."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.base.errors import HansaError, InvalidInput
from node.cli.commands.publication.made_files import make_files
from node.cli.commands.publication.submissions import (
    TOGETHER,
    TOGETHER_BYTES,
    DescriptionFile,
    PublishOptions,
    fields_of,
    publish_address,
    publish_alone,
    publish_together,
    read_file,
)
from node.cli.descriptions import OTHER_ONTOLOGIES, RDF
from node.cli.drafts import write_draft
from node.cli.exits import REFUSED
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, report_success, table, words
from node.cli.sheets import examine

if TYPE_CHECKING:
    from node.client import HansaClient


def register(app: typer.Typer) -> None:
    app.command("publish")(publish)
    app.command("withdraw")(withdraw)
    app.command("erase")(erase)


def publish(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="Descriptions (.yaml, .ttl, .jsonld …), a folder with descriptions, a data file to start from, "
            "or the address (https://…) of an ontology on the web."
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Kind of the asset, if RDF does not state it: dataset, model, ontology …")
    ] = None,
    conditions: Annotated[
        str | None, typer.Option(help="Template of conditions, if the description names none.")
    ] = None,
    audience: Annotated[
        str | None,
        typer.Option(help="Who may see it: public, members, internal. A new version keeps that of the previous one."),
    ] = None,
    earlier_versions: Annotated[
        bool,
        typer.Option("--earlier-versions", help="Make earlier versions and their files visible to --audience too."),
    ] = False,
    breaking: Annotated[
        bool,
        typer.Option("--breaking", help="Publish changes of an ontology or schema that break data of others."),
    ] = False,
    attach: Annotated[
        list[Path] | None, typer.Option("--file", help="A data file that belongs to an RDF description.")
    ] = None,
    additions: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="What a document of RDF does not say itself."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check; publish nothing.")] = False,
    as_is: Annotated[
        bool,
        typer.Option(
            "--as-found", help="Accept tables as they were read, even if that is in doubt, without a question."
        ),
    ] = False,
    choices: Annotated[
        str | None, typer.Option(help="List what a field may say: license, theme, frequency, conditions …")
    ] = None,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Publish assets. Each description is checked first, and nothing of it is saved if it has errors.

    Of many descriptions, or of a folder with descriptions (.yaml), those without errors are published; the command
    shows the errors of the others.
    """
    if choices is not None:
        _show_choices(choices, lang)
        return 0
    if not files:
        raise typer.BadParameter("name a description to publish, or a data file to start from")
    fields = fields_of(additions or [])
    options = PublishOptions(
        kind=kind,
        conditions=conditions,
        audience=audience,
        earlier_versions=earlier_versions,
        breaking=breaking,
        check=check,
        lang=lang,
        fields=fields,
    )
    addresses = [file for file in files if file.startswith(("http://", "https://"))]
    if addresses:
        if len(addresses) < len(files):
            raise typer.BadParameter("name addresses or files, not both")
        if attach or earlier_versions or kind not in (None, "ontology"):
            raise typer.BadParameter("--file, --earlier-versions and --kind do not go with an address")
        with connect(node) as client:
            return _finish([publish_address(client, address, options) for address in addresses])
    if fields and any(Path(file).suffix.lower() not in RDF for file in files):
        raise typer.BadParameter("--set adds to RDF and to addresses; write the fields into your description")
    paths = _paths([Path(file) for file in files])
    descriptions = [path for path in paths if path.suffix.lower() in (".yaml", ".yml", *RDF)]
    for path in paths:
        if path not in descriptions:
            survey = examine(path, as_is=as_is)
            write_draft(path, path.with_suffix(".yaml"), survey, any_format=True)
    if not descriptions:
        return 0
    with connect(node) as client:
        return _finish(_publish(client, descriptions, attach or [], options, as_is=as_is))


def _finish(results: Sequence[dict[str, Any]]) -> int:
    """Print the results for programs, and return the exit status."""
    if Mode.json:
        emit(results if len(results) != 1 else results[0])
    return REFUSED if any("findings" in result or "error" in result for result in results) else 0


def _paths(files: Sequence[Path]) -> list[Path]:
    """Return the files to publish: those that were named, and the descriptions in folders, by name."""
    paths: dict[Path, None] = {}
    for path in files:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in (".yaml", ".yml"))
            if not inside:
                raise InvalidInput(
                    f"{path} has no descriptions (.yaml) in it", remedy="name the files that you want to publish"
                )
            paths.update(dict.fromkeys(inside))
        elif path.suffix.lower() in OTHER_ONTOLOGIES:
            raise InvalidInput(
                f"{path} is an ontology in a syntax that this node does not read",
                remedy="save it as Turtle (.ttl) or RDF/XML (.rdf), for example in Protégé",
            )
        elif path.is_file():
            paths[path] = None
        else:
            raise InvalidInput(f"{path} is not a file", remedy="check its path and name")
    return list(paths)


def _publish(
    client: HansaClient,
    descriptions: Sequence[Path],
    attach: Sequence[Path],
    options: PublishOptions,
    *,
    as_is: bool,
) -> list[dict[str, Any]]:
    if len(descriptions) == 1:
        make_files(client, descriptions[0])
        return [publish_alone(client, read_file(descriptions[0], attach, options, as_is=as_is), options)]
    results: list[dict[str, Any]] = []
    batch: list[DescriptionFile] = []
    length = 0
    for path in descriptions:
        try:
            make_files(client, path)
            description = read_file(path, attach, options, as_is=as_is)
        except HansaError:
            # As if each were published before the next is read.
            publish_together(client, batch, options, wait=True)
            raise
        size = path.stat().st_size
        if batch and (len(batch) == TOGETHER or length + size > TOGETHER_BYTES):
            results += publish_together(client, batch, options, wait=False)
            batch, length = [], 0
        batch.append(description)
        length += size
    return results + publish_together(client, batch, options, wait=True)


def _show_choices(field: str, lang: str) -> None:
    """The values of a field's code list, or the templates of conditions with their parameters."""
    if field == "conditions":
        _show_templates(lang)
        return
    from node.semantics.description.fields import code_list

    codes = code_list(field)
    if codes is None:
        raise InvalidInput(
            f"{field!r} has no list of choices",
            remedy="try license, theme, frequency, access, language, conditions",
        )
    rows = [[code.code, code.label(lang), code.iri] for code in codes]
    if Mode.json:
        emit([{"code": row[0], "label": row[1], "more": row[2]} for row in rows])
    else:
        table(rows, ["write", "means", ""])


def _show_templates(lang: str) -> None:
    from node.policy.templates import templates

    if Mode.json:
        emit(
            [
                {
                    "code": template.id,
                    "label": words(template.label, lang),
                    "more": words(template.explanation, lang),
                    "parameters": [
                        {**parameter.to_json(), "label": words(parameter.label, lang)}
                        for parameter in template.parameters
                    ],
                }
                for template in templates()
            ]
        )
        return
    rows = []
    for template in templates():
        rows.append([template.id, words(template.label, lang), words(template.explanation, lang)])
        for parameter in template.parameters:
            if parameter.name == "region":
                need = "the region of this node, if left out"
            else:
                need = "required" if parameter.required else "may be left out"
            rows.append([f"  {parameter.name}", words(parameter.label, lang), f"{need}: {parameter.remedy}"])
    table(rows, ["write", "means", ""])


def withdraw(
    iri: Annotated[str, typer.Argument(help="Address of the asset.")],
    reason: Annotated[str, typer.Option(help="Why: shown to all who could see the asset.")] = "",
    node: Node = None,
) -> None:
    """Take an asset out of the catalogue. Its versions and its agreements stay on record."""
    with connect(node) as client:
        withdrawal = client.withdraw(iri, reason=reason)
    if Mode.json:
        emit(withdrawal)
    report_success("withdrawn", detail=f"version {withdrawal['version']} says so")


def erase(
    iri: Annotated[str, typer.Argument(help="Address of the asset.")],
    reason: Annotated[
        str, typer.Option(help="Why, without personal data: shown to all who could see a version.")
    ] = "",
    version: Annotated[
        list[int] | None, typer.Option(help="A version to erase; may be repeated. Without it, all versions.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    node: Node = None,
) -> int:
    """Erase versions of an asset for good.

    Their descriptions and files are deleted, here and at the nodes that follow this one. The ledger keeps the proof
    that there was something. Without --version, the asset is withdrawn too.
    """
    chosen = f"version {', '.join(map(str, version))}" if version else "all versions"
    if not yes and not typer.confirm(f"  erase {chosen} of {iri} for good?", default=False, err=True):
        return REFUSED
    with connect(node) as client:
        erasure = client.erase(iri, reason=reason, versions=version)
    if Mode.json:
        emit(erasure)
        return 0
    deleted = erasure["deletedFiles"]
    files = f"{len(deleted)} stored {'file' if len(deleted) == 1 else 'files'}"
    if erasure["erased"]:
        versions = ", ".join(map(str, erasure["erased"]))
        report_success("erased", detail=f"version {versions}, and {files}; version {erasure['version']} says so")
    else:
        report_success("nothing to erase", detail=f"these versions have no content; deleted {files}")
    return 0
