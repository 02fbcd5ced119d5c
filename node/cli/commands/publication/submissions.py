"""Publishing from the terminal: a description file alone, or many in batches."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from node.base.errors import HansaError, InvalidInput
from node.catalogue.publication.exposure import RULES
from node.cli.commands.publication.file_upload import send_file
from node.cli.commands.publication.made_files import state_origins
from node.cli.definitions import show_impact
from node.cli.descriptions import code_file, file_facts, read_submission, with_description
from node.cli.output import (
    Mode,
    complain,
    findings,
    line,
    remark,
    report_failure,
    report_success,
    say,
    size,
    suggest,
)
from node.cli.parts import show_part
from node.cli.sheets import examine

if TYPE_CHECKING:
    from node.client import HansaClient

TOGETHER: Final = 100
"""Descriptions that are sent together."""
TOGETHER_BYTES: Final = 4 << 20
"""Bytes of the description files that are sent together, unless one alone has more."""

_BAD_BATCH: Final = (400, 413)
"""Statuses of a batch that is refused as a whole, because of one description in it, or of all of them together."""

_SHAPES: Final = "https://w3id.org/hansa/shapes/"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """The options of the command that concern every description; ``fields``: those that a document of RDF does not
    say itself."""

    kind: str | None = None
    conditions: str | None = None
    audience: str | None = None
    earlier_versions: bool = False
    breaking: bool = False
    check: bool = False
    lang: str = "en"
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptionFile:
    """A description that was read: its submission, the lines of its fields, its data files and its code."""

    path: Path
    submission: dict[str, Any]
    lines: Mapping[str, int]
    facts: Sequence[Mapping[str, Any]]
    code: Mapping[str, Any] | None
    survey_notes: Sequence[str]

    @property
    def is_checked_first(self) -> bool:
        """Return whether it is checked before it is published: its files may be large, and what others have read
        cannot be taken back."""
        fields = self.submission.get("fields") or {}
        return bool(self.facts or self.code or self.submission.get("audience") or fields.get("audience"))


def read_file(path: Path, attach: Sequence[Path], options: PublishOptions, *, as_is: bool) -> DescriptionFile:
    """Read the description at ``path`` and the files that belong to it. Raises ``InvalidInput``."""
    submission, lines, data = read_submission(path, list(attach))
    state_origins(submission, path.parent)
    surveys = [examine(file, as_is=as_is, quiet=options.check) for file in data]
    for name, value in (("kind", options.kind), ("conditions", options.conditions), ("audience", options.audience)):
        if value:
            submission[name] = {"template": value} if name == "conditions" else value
    if options.earlier_versions:
        submission["earlierVersions"] = True
    if options.breaking:
        submission["allowBreaking"] = True
    submission["language"] = options.lang
    if options.fields:
        submission["fields"] = {**options.fields}
    code = code_file(path, submission)
    facts = [file_facts(file) for file in data]
    submission["files"] = [with_description(fact, submission) for fact in facts]
    notes = [f", {survey.words()}" if survey else "" for survey in surveys]
    return DescriptionFile(path=path, submission=submission, lines=lines, facts=facts, code=code, survey_notes=notes)


def publish_alone(client: HansaClient, description: DescriptionFile, options: PublishOptions) -> dict[str, Any]:
    """Check a description, publish it, and return what the node answers; or return its errors.

    Raises ``HansaError`` if it is refused for another reason.
    """
    _show_files(client, description)
    if options.check and _gives_part(description):
        # The node shows what a partner would get, so it has to read the file.
        _upload(client, description, trial=True)
    try:
        check = client.publish({**description.submission, "dryRun": True})
        _show_wider_audience(check, options.lang)
        if options.check:
            _show_checked(check, options.lang)
            return check
        _upload(client, description)
        publication = client.publish(description.submission)
    except HansaError as refusal:
        if "findings" not in refusal.facts:
            raise
        return _refusal_json(description.path, description.lines, refusal, "nothing was saved", lang=options.lang)
    _show_published(publication, description)
    if "impact" in publication:
        show_impact(publication["impact"], options.lang)
    return publication


def fields_of(additions: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a description in words such as ``license=CC-BY-4.0`` and ``contact.name=Roads``. Raises
    ``InvalidInput``."""
    fields: dict[str, Any] = {}
    for addition in additions:
        name, sign, value = addition.partition("=")
        if not (name and sign and value):
            raise InvalidInput(f"{addition} names no field with a value", remedy="write it like license=CC-BY-4.0")
        outer, dot, inner = name.partition(".")
        if not outer or (dot and not inner) or isinstance(fields.get(outer), str) or (not dot and outer in fields):
            raise InvalidInput(f"{addition} says a field twice, or names none", remedy="write each field once")
        if dot:
            fields.setdefault(outer, {})[inner] = value
        else:
            fields[outer] = value
    return fields


def publish_address(client: HansaClient, url: str, options: PublishOptions) -> dict[str, Any]:
    """Publish the ontology that the node reads at ``url``, and return what the node answers; or return its errors.

    Raises ``HansaError`` if it is refused for another reason.
    """
    order: dict[str, Any] = {
        "url": url,
        "fields": dict(options.fields),
        "dryRun": options.check,
        "allowBreaking": options.breaking,
    }
    order |= {
        name: value
        for name, value in (("conditions", options.conditions), ("audience", options.audience))
        if value is not None
    }
    try:
        publication = client.publish_ontology(order)
    except HansaError as refusal:
        if "findings" not in refusal.facts:
            raise
        return _refusal_json(url, {}, refusal, "nothing was saved", lang=options.lang)
    _show_wider_audience(publication, options.lang)
    if options.check:
        _show_checked(publication, options.lang)
    else:
        _show_publication(publication, {}, is_checked_first=True)
        if "impact" in publication:
            show_impact(publication["impact"], options.lang)
    return publication


def publish_together(
    client: HansaClient, descriptions: Sequence[DescriptionFile], options: PublishOptions, *, wait: bool
) -> list[dict[str, Any]]:
    """Publish descriptions in one batch; return for each what the node answers, or why it was refused.

    A description is sent once, because the node checks each before it saves anything; it is sent for a check before
    that where files are to be uploaded, or where it says who may see the asset. Without ``wait`` search and SPARQL
    may show the assets a moment later.
    """
    results: dict[Path, dict[str, Any]] = {}
    for description in descriptions:
        _show_files(client, description)
    first = [description for description in descriptions if options.check or description.is_checked_first]
    for description, answer in zip(first, _answers(client, first, dry_run=True), strict=True):
        if isinstance(answer, HansaError):
            results[description.path] = _refusal_json(description.path, description.lines, answer, lang=options.lang)
            continue
        _show_wider_audience(answer, options.lang)
        if options.check:
            _show_checked(answer, options.lang)
            results[description.path] = answer
        else:
            _upload(client, description)
    rest = [description for description in descriptions if description.path not in results]
    for description, answer in zip(rest, _answers(client, rest, wait=wait), strict=True):
        if isinstance(answer, HansaError):
            results[description.path] = _refusal_json(description.path, description.lines, answer, lang=options.lang)
        else:
            _show_published(answer, description)
            results[description.path] = answer
    return [results[description.path] for description in descriptions]


def _answers(
    client: HansaClient, descriptions: Sequence[DescriptionFile], *, dry_run: bool = False, wait: bool = True
) -> list[dict[str, Any] | HansaError]:
    """Return what the node answers about each description, or why it refuses it."""
    from node.client.api import Refusal

    if not descriptions:
        return []
    submissions = [description.submission for description in descriptions]
    try:
        results = client.publish_all(submissions, dry_run=dry_run, wait=wait)["results"]
    except Refusal as refusal:
        if refusal.http_status not in _BAD_BATCH:
            raise
        return [_answer_alone(client, submission, dry_run=dry_run, wait=wait) for submission in submissions]
    return [
        Refusal(result["problem"]["status"], result["problem"]) if "problem" in result else result["published"]
        for result in results
    ]


def _answer_alone(
    client: HansaClient, submission: Mapping[str, Any], *, dry_run: bool, wait: bool
) -> dict[str, Any] | HansaError:
    from node.client.api import Refusal

    try:
        return client.publish({**submission, "dryRun": dry_run, "wait": wait})
    except Refusal as refusal:
        if refusal.http_status >= 500:
            raise
        return refusal


def _show_files(client: HansaClient, description: DescriptionFile) -> None:
    """Print the files that belong to a description, and upload its code: the check compares the card with it."""
    for fact, note in zip(description.facts, description.survey_notes, strict=True):
        line(fact["name"], f"{size(fact['size'])}, sha256 {fact['sha256'][:4]}…{note}")
    code = description.code
    if code is not None:
        line(code["name"], f"{size(code['size'])}, sha256 {code['sha256'][:4]}…, run here and not handed out")
        send_file(client, code["path"], media_type=code["mediaType"])


def _upload(client: HansaClient, description: DescriptionFile, *, trial: bool = False) -> None:
    for fact in description.facts:
        send_file(client, fact["path"], media_type=fact["mediaType"], trial=trial)


def _show_checked(result: Mapping[str, Any], lang: str) -> None:
    report_success("no errors", detail=f"{result['kind']} {result['iri']}")
    if "impact" in result:
        show_impact(result["impact"], lang)
    if "part" in result:
        show_part(result["part"], lang)
    _show_advice(result, {})


def _show_advice(result: Mapping[str, Any], lines: Mapping[str, int]) -> None:
    """Print the hints of the profiles that the node advises; other hints are about details."""
    from node.semantics.validation.profiles import PROFILES

    hints = [
        hint
        for hint in result.get("warnings", [])
        if hint.get("severity") == "info" and _is_of_profile(str(hint.get("rule", "")), PROFILES)
    ]
    if hints:
        remark(f"{len(hints)} hint{'s' if len(hints) > 1 else ''} of profiles:")
        if not Mode.json:
            findings(hints[:6], lines)


def _is_of_profile(rule: str, profiles: Collection[str]) -> bool:
    shapes, _, _ = rule.partition("#")
    if shapes.startswith(_SHAPES):
        return shapes.removeprefix(_SHAPES) in profiles
    return rule.startswith(("http", "_:"))


def _gives_part(description: DescriptionFile) -> bool:
    fields = description.submission.get("fields") or {}
    conditions = description.submission.get("conditions") or fields.get("conditions")
    return isinstance(conditions, Mapping) and "part" in conditions


def _show_wider_audience(result: Mapping[str, Any], lang: str) -> None:
    """Print who would see more: what others have read cannot be taken back."""
    for warning in _about_audience(result):
        remark(_text_of(warning, "message", lang))
        say(f"    {_text_of(warning, 'remedy', lang)}")


def _show_published(result: Mapping[str, Any], description: DescriptionFile) -> None:
    _show_publication(result, description.lines, is_checked_first=description.is_checked_first)


def _show_publication(result: Mapping[str, Any], lines: Mapping[str, int], *, is_checked_first: bool) -> None:
    report_success(f"{result['kind']} published", detail=f"version {result['version']}")
    line("address", result["iri"], style="cyan")
    if result.get("behind"):
        behind = ", ".join(sorted(result["behind"]))
        remark(f"not shown yet by {behind}: still catching up with the ledger")
    warnings = [warning for warning in result.get("warnings", []) if warning.get("severity") != "info"]
    if is_checked_first:
        shown = _about_audience(result)
        warnings = [warning for warning in warnings if warning not in shown]
    if warnings:
        remark(f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}:")
        if not Mode.json:
            findings(warnings[:6], lines)
    _show_advice(result, lines)


def _about_audience(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the warnings about who sees or may download more than before."""
    return [warning for warning in answer.get("warnings", []) if warning.get("rule") in RULES]


def _text_of(warning: Mapping[str, Any], part: str, lang: str) -> str:
    translated = warning.get("translations", {}).get(lang, {})
    return str(translated.get(part) or warning.get(part, ""))


def _refusal_json(
    path: Path | str,
    lines: Mapping[str, int],
    refusal: HansaError,
    outcome: str = "this description was not saved",
    *,
    lang: str = "en",
) -> dict[str, Any]:
    if "findings" not in refusal.facts:
        report_failure(f"{path}: {refusal.detail}")
        if refusal.remedy:
            suggest(refusal.remedy)
        return {
            "file": str(path),
            "code": refusal.facts.get("code"),
            "error": refusal.detail,
            "remedy": refusal.remedy,
        }
    if "impact" in refusal.facts:
        show_impact(refusal.facts["impact"], lang)
    items = [finding for finding in refusal.facts["findings"] if finding.get("severity") == "violation"]
    count = len(items)
    report_failure(f"{path}: {count} error{'s' if count != 1 else ''}")
    if not Mode.json:
        findings(items, lines)
        complain(outcome)
    impact = {"impact": refusal.facts["impact"]} if "impact" in refusal.facts else {}
    return {"file": str(path), "findings": refusal.facts["findings"], **impact}
