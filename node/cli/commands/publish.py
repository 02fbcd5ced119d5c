"""publish, withdraw: from files that a steward wrote to a record that peers find."""

from __future__ import annotations

import hashlib
import json
import mimetypes
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.base.errors import HansaError, InvalidInput
from node.base.plaintext import one_line, word
from node.catalogue.exposure import RULES
from node.cli.exits import REFUSED
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, bar, complain, done, emit, failed, findings, line, remark, say, size, table, words
from node.cli.sheets import examine
from node.cli.yamls import read_description

if TYPE_CHECKING:
    from node.client import HansaClient
    from node.semantics.sheets import Survey

_BARE = re.compile(r"[A-Za-zÀ-ž][\w ./-]*[\w]")
_SHA256 = re.compile(r"[0-9a-f]{64}")
RDF = {
    ".ttl": "text/turtle",
    ".jsonld": "application/ld+json",
    ".nt": "application/n-triples",
    ".nq": "application/n-quads",
    ".rdf": "application/rdf+xml",
    ".xml": "application/rdf+xml",
    ".owl": "application/rdf+xml",
}


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
            _draft(path, as_found=as_found)
    if not descriptions:
        return 0
    results: list[dict[str, Any]] = []
    status = 0
    with connect(node) as client:
        for number, path in enumerate(descriptions, 1):
            submitted = _submission(path, attach or [])
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
    code = _code(path, submission)
    facts = [_facts(one) for one in data]
    submission["files"] = [_with_description(fact, submission) for fact in facts]
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


def _submission(path: Path, attach: list[Path]) -> tuple[dict[str, Any], dict[str, int], list[Path]]:
    """What to send for a description file, the lines of its fields, and the data files that belong to it."""
    if path.suffix.lower() in RDF:
        document = path.read_bytes()
        try:
            text = document.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{path} is not UTF-8 text: {error}", remedy="save it as UTF-8") from error
        return {"document": text, "mediaType": RDF[path.suffix.lower()]}, {}, attach
    fields, lines = read_description(path)
    if isinstance(fields.get("files"), list):
        fields["files"] = [{"path": file} if isinstance(file, str) else file for file in fields["files"]]
    data = [
        path.parent / str(file["path"])
        for file in fields.get("files") or []
        if isinstance(file, dict) and "path" in file
    ]
    missing = [one for one in data if not one.is_file()]
    if missing:
        raise InvalidInput(
            f"{missing[0]} is named in {path} but does not exist", remedy="paths are relative to the description"
        )
    definition = fields.get("document") or fields.get("definition_file")
    submission: dict[str, Any] = {"fields": {**fields, "__lines__": lines}}
    if isinstance(definition, str):
        submission |= _attached_document(path.parent / definition)
    return submission, lines, [*data, *attach]


def _code(path: Path, submission: Mapping[str, Any]) -> dict[str, Any] | None:
    """The file that ``code:`` names, which becomes the hash of the model's code; None where it is a hash already."""
    fields = submission.get("fields")
    named = fields.get("code") if fields else None
    if not isinstance(named, str) or _SHA256.fullmatch(named):
        return None
    code = path.parent / named
    if not code.is_file():
        raise InvalidInput(
            f"{code} is named as the code in {path} but does not exist",
            remedy="paths are relative to the description",
        )
    facts = {**_facts(code), "mediaType": "text/x-python"}
    submission["fields"]["code"] = {"name": facts["name"], "sha256": facts["sha256"]}
    return facts


def _attached_document(path: Path) -> dict[str, Any]:
    """A description may point at an RDF document of its own (an ontology) that is published with it."""
    if not path.is_file():
        raise InvalidInput(f"{path} is named as the document but does not exist")
    media_type = RDF.get(path.suffix.lower())
    if media_type is None:
        return {}
    return {"document": path.read_text("utf-8"), "mediaType": media_type}


def _facts(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return {
        "path": path,
        "name": path.name,
        "size": path.stat().st_size,
        "sha256": digest.hexdigest(),
        "mediaType": _MEDIA.get(path.suffix.lower())
        or mimetypes.guess_type(path.name)[0]
        or "application/octet-stream",
    }


_MEDIA = {
    ".csv": "text/csv",
    ".geojson": "application/geo+json",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".md": "text/markdown",
}


def _with_description(fact: Mapping[str, Any], submission: Mapping[str, Any]) -> dict[str, Any]:
    """The file as the API takes it; ``open`` as the description says."""
    described = next(
        (
            file
            for file in (submission.get("fields") or {}).get("files") or []
            if isinstance(file, dict) and Path(str(file.get("path", ""))).name == fact["name"]
        ),
        {},
    )
    members = {name: fact[name] for name in ("name", "size", "sha256", "mediaType")}
    if described.get("open") is True:
        members["open"] = True
    return members


def _draft(path: Path, *, as_found: bool) -> None:
    """A data file alone: write the description that it needs, as far as the file tells it."""
    survey = examine(path, as_found=as_found)
    target = path.with_suffix(".yaml")
    if target.exists():
        raise InvalidInput(f"{path} is described in {target.name}", remedy=f"hansa publish {word(target)}")
    title = path.stem.replace("-", " ").replace("_", " ").capitalize()
    target.write_text(
        f"# What {path.name} is. Lines with # are hints; publish with: hansa publish {word(Path(target.name))}\n"
        "kind: dataset\n"
        f"title: {_yaml(title)}\n"
        "# language: nl          # of these texts and of the data; else the first of the node's languages\n"
        "description:            # one or two sentences: what it holds, since when, how it was made\n"
        "# theme: TRAN           # an EU data theme: TRAN, ENVI, GOVE, HEAL …\n"
        "# keywords: [bicycle, counting]\n"
        "# contact: {name: Mobility department, email: mobility@example.org}\n"
        "# frequency: DAILY\n"
        "license: CC-BY-4.0      # others cannot lawfully use the data without one\n"
        "conditions: open        # or: members, members-ask, mobility-partners, …\n"
        "files:\n"
        f"  - path: {_yaml(path.name)}\n{_table_hints(survey)}",
        "utf-8",
    )
    if survey is not None:
        line(path.name, survey.words())
    done(f"{target} written", detail="a draft of the description")
    say(f"Next: fill in the description, then: hansa publish {word(target)}")


def _table_hints(survey: Survey | None) -> str:
    """The findings about a table, as hints for its description."""
    if survey is None:
        return ""
    named = [f"{one_line(name)} ({kind})" for name, kind in zip(survey.look.columns, survey.look.types, strict=True)]
    return f"# Found: {survey.words()}\n# Columns: {', '.join(named)[:2000]}\n"


def _yaml(text: str) -> str:
    """A text of one line as YAML: bare where that is plain, else between quotes, as JSON writes it."""
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def withdraw(iri: Annotated[str, typer.Argument(help="Address of the asset.")], node: Node = None) -> None:
    """Take an asset out of the catalogue. Its versions and its agreements stay on record."""
    with connect(node) as client:
        gone = client.withdraw(iri)
    if Mode.json:
        emit(gone)
    done("withdrawn", detail=f"version {gone['version']} says so")
