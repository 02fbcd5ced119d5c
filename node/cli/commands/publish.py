"""publish, withdraw: from files that a steward wrote to a record that peers find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.base.errors import HansaError, InvalidInput
from node.catalogue.exposure import RULES
from node.cli.descriptions import RDF, code_file, file_facts, read_submission, with_description
from node.cli.drafts import write_draft
from node.cli.exits import REFUSED
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, bar, complain, done, emit, failed, findings, line, remark, say, size, table, words
from node.cli.sheets import examine

if TYPE_CHECKING:
    from node.client import HansaClient
    from node.semantics.sheets import Survey


def register(app: typer.Typer) -> None:
    app.command("publish")(publish)
    app.command("withdraw")(withdraw)


def publish(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Descriptions (.yaml, .ttl, .jsonld …), or a data file to start from.")
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
    attach: Annotated[
        list[Path] | None, typer.Option("--file", help="A data file that belongs to an RDF description.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check; publish nothing.")] = False,
    as_found: Annotated[
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
    """Publish assets. Each description is checked first, and nothing is saved if there are errors."""
    if choices is not None:
        _show_choices(choices, lang)
        return 0
    if not files:
        raise typer.BadParameter("name a description to publish, or a data file to start from")
    missing = next((path for path in files if not path.is_file()), None)
    if missing is not None:
        raise InvalidInput(f"{missing} is not a file")
    descriptions = [path for path in files if path.suffix.lower() in (".yaml", ".yml", *RDF)]
    for path in files:
        if path not in descriptions:
            survey = examine(path, as_found=as_found)
            write_draft(path, path.with_suffix(".yaml"), survey, any_format=True)
    if not descriptions:
        return 0
    results: list[dict[str, Any]] = []
    status = 0
    with connect(node) as client:
        for number, path in enumerate(descriptions, 1):
            submitted = read_submission(path, attach or [])
            surveys = [examine(one, as_found=as_found, only_told=check) for one in submitted[2]]
            result = _publish_one(
                client,
                path,
                submitted,
                surveys,
                kind,
                conditions,
                audience,
                earlier_versions,
                check=check,
                lang=lang,
                together=len(descriptions) > 1,
                wait=number == len(descriptions),
            )
            results.append(result)
            status = max(status, REFUSED if "findings" in result else 0)
    if Mode.json:
        emit(results if len(results) != 1 else results[0])
    return status


def _show_choices(field: str, lang: str) -> None:
    """The values of a field's code list, or the templates of conditions."""
    rows: list[list[str]]
    if field == "conditions":
        from node.policy.templates import templates

        rows = [
            [template.id, words(template.label, lang), words(template.explanation, lang)] for template in templates()
        ]
    else:
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


def _publish_one(
    client: HansaClient,
    path: Path,
    submitted: tuple[dict[str, Any], dict[str, int], list[Path]],
    surveys: Sequence[Survey | None],
    kind: str | None,
    conditions: str | None,
    audience: str | None,
    earlier_versions: bool,
    *,
    check: bool,
    lang: str,
    together: bool = False,
    wait: bool = True,
) -> dict[str, Any]:
    """``together`` with others a description is sent once: the node checks it before it saves anything. It is sent
    for a check before that where files are to be uploaded, or where it says who may see the asset. Without ``wait``
    search and SPARQL may show it a moment later."""
    submission, lines, data = submitted
    for name, value in (("kind", kind), ("conditions", conditions), ("audience", audience)):
        if value:
            submission[name] = {"template": value} if name == "conditions" else value
    if earlier_versions:
        submission["earlierVersions"] = True
    code = code_file(path, submission)
    facts = [file_facts(one) for one in data]
    submission["files"] = [with_description(fact, submission) for fact in facts]
    for fact, survey in zip(facts, surveys, strict=True):
        found = f", {survey.words()}" if survey else ""
        line(fact["name"], f"{size(fact['size'])}, sha256 {fact['sha256'][:4]}…{found}")
    if code is not None:
        # Before the check, which reads the code: it is what the card must agree with.
        line(code["name"], f"{size(code['size'])}, sha256 {code['sha256'][:4]}…, run here and not handed out")
        client.upload(code["path"], media_type=code["mediaType"])
    first = check or not together or bool(facts) or code is not None or _names_audience(submission)
    try:
        if first:
            checked = _checked(client, submission, lang)
            if check:
                done("no errors", detail=f"{checked['kind']} {checked['iri']}")
                return checked
        for fact in facts:
            with bar(fact["name"]) as progress:
                client.upload(fact["path"], media_type=fact["mediaType"], progress=progress)
        published = client.publish({**submission, "language": lang, **({} if wait else {"wait": False})})
    except HansaError as refusal:
        if "findings" not in refusal.facts:
            raise
        return _refused(path, refusal, lines)
    done(f"{published['kind']} published", detail=f"version {published['version']}")
    line("address", published["iri"], style="cyan")
    _tell_behind(published)
    said = _about_audience(published) if first else []
    warnings = [one for one in published.get("warnings", []) if one.get("severity") != "info" and one not in said]
    if warnings:
        remark(f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}:")
        if not Mode.json:
            findings(warnings[:6], lines)
    return published


def _names_audience(submission: Mapping[str, Any]) -> bool:
    return bool(submission.get("audience") or (submission.get("fields") or {}).get("audience"))


def _checked(client: HansaClient, submission: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """What the node would publish. Who would see more is told here: what others have read cannot be taken back."""
    checked = client.publish({**submission, "dryRun": True, "language": lang})
    for warning in _about_audience(checked):
        remark(_text_of(warning, "message", lang))
        say(f"    {_text_of(warning, 'remedy', lang)}")
    return checked


def _tell_behind(published: Mapping[str, Any]) -> None:
    """Which views do not show the version yet."""
    if published.get("behind"):
        remark(f"not shown yet by {', '.join(sorted(published['behind']))}: still catching up with the ledger")


def _about_audience(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The warnings about who sees or may download more than before."""
    return [warning for warning in answer.get("warnings", []) if warning.get("rule") in RULES]


def _text_of(warning: Mapping[str, Any], part: str, lang: str) -> str:
    translated = warning.get("translations", {}).get(lang, {})
    return str(translated.get(part) or warning.get(part, ""))


def _refused(path: Path, refusal: HansaError, lines: Mapping[str, int]) -> dict[str, Any]:
    items = [finding for finding in refusal.facts["findings"] if finding.get("severity") == "violation"]
    count = len(items)
    failed(f"{path}: {count} error{'s' if count != 1 else ''}")
    if not Mode.json:
        findings(items, lines)
        complain("nothing was saved")
    return {"file": str(path), "findings": refusal.facts["findings"]}


def withdraw(iri: Annotated[str, typer.Argument(help="Address of the asset.")], node: Node = None) -> None:
    """Take an asset out of the catalogue. Its versions and its agreements stay on record."""
    with connect(node) as client:
        gone = client.withdraw(iri)
    if Mode.json:
        emit(gone)
    done("withdrawn", detail=f"version {gone['version']} says so")
