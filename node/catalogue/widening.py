"""Who sees and who may download more than before, told to the publisher in words before and after publishing.

An audience that gets wider and a file that is opened cannot be taken back: what was read stays read. So both are
warnings of their own, in every language that we speak.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from node.catalogue.model import INTERNAL, PUBLIC, Record, Widened
from node.semantics.model import Finding

WIDENED: Final = "audience-widened"
OPENED: Final = "file-opened"
INHERITED: Final = "audience-inherited"
RULES: Final = (WIDENED, OPENED, INHERITED)
"""The rules of the findings that are made here."""

_WHO: Final[Mapping[str, Mapping[str, str]]] = {
    PUBLIC: {
        "en": "everyone",
        "nl": "iedereen",
        "fr": "tout le monde",
        "de": "alle",
        "cs": "všichni",
    },
    INTERNAL: {
        "en": "staff of this node",
        "nl": "medewerkers van dit knooppunt",
        "fr": "le personnel de ce nœud",
        "de": "Mitarbeitende dieses Knotens",
        "cs": "pracovníci tohoto uzlu",
    },
    "members": {
        "en": "members of the data space",
        "nl": "leden van de dataruimte",
        "fr": "les membres de l’espace de données",
        "de": "Mitglieder des Datenraums",
        "cs": "členové datového prostoru",
    },
}

_WIDER: Final = {
    "en": (
        "The audience is wider. "
        "Version {version} is visible to: {after}. The previous version was visible to: {before}."
    ),
    "nl": (
        "Het publiek is ruimer. "
        "Versie {version} is zichtbaar voor: {after}. De vorige versie was zichtbaar voor: {before}."
    ),
    "fr": (
        "Le public est plus large. "
        "La version {version} est visible par : {after}. La version précédente l’était par : {before}."
    ),
    "de": (
        "Der Kreis ist weiter. "
        "Version {version} ist sichtbar für: {after}. Die vorige Version war sichtbar für: {before}."
    ),
    "cs": "Okruh je širší. Verzi {version} vidí: {after}. Předchozí verzi viděli: {before}.",
}
_KEPT: Final = {
    "en": "The visibility of earlier versions and their files does not change.",
    "nl": "De zichtbaarheid van eerdere versies en hun bestanden wijzigt niet.",
    "fr": "La visibilité des versions précédentes et de leurs fichiers ne change pas.",
    "de": "Die Sichtbarkeit früherer Versionen und ihrer Dateien ändert sich nicht.",
    "cs": "Viditelnost dřívějších verzí a jejich souborů se nemění.",
}
_HISTORY: Final = {
    "en": "All earlier versions and their files are now also visible to: {after}.",
    "nl": "Alle eerdere versies en hun bestanden zijn nu ook zichtbaar voor: {after}.",
    "fr": "Toutes les versions précédentes et leurs fichiers sont maintenant aussi visibles par : {after}.",
    "de": "Alle früheren Versionen und ihre Dateien sind jetzt auch sichtbar für: {after}.",
    "cs": "Všechny dřívější verze a jejich soubory nyní vidí také: {after}.",
}
_NOT_MEANT: Final = {
    "en": "to prevent this, set the audience: {name}",
    "nl": "stel het publiek in om dit te voorkomen: {name}",
    "fr": "pour l’éviter, indiquez le public : {name}",
    "de": "um dies zu verhindern, geben Sie den Kreis an: {name}",
    "cs": "chcete-li tomu zabránit, uveďte okruh: {name}",
}
_ANYONE: Final = {
    "en": "Anyone can now download, without signing in and without an agreement: {files}.",
    "nl": "Iedereen kan nu downloaden, zonder aanmelden en zonder overeenkomst: {files}.",
    "fr": "Tout le monde peut maintenant télécharger, sans connexion et sans accord : {files}.",
    "de": "Jeder kann jetzt ohne Anmeldung und ohne Vereinbarung herunterladen: {files}.",
    "cs": "Kdokoli si nyní může bez přihlášení a bez dohody stáhnout: {files}.",
}
_WHO_SEES: Final = {
    "en": "Everyone who can see this asset ({after}) can now download, without an agreement: {files}.",
    "nl": "Wie deze bron kan zien ({after}), kan nu downloaden zonder overeenkomst: {files}.",
    "fr": "Quiconque peut voir cette ressource ({after}) peut maintenant télécharger sans accord : {files}.",
    "de": "Wer diese Ressource sehen kann ({after}), kann jetzt ohne Vereinbarung herunterladen: {files}.",
    "cs": "Kdo tento zdroj vidí ({after}), si nyní může bez dohody stáhnout: {files}.",
}
_CLOSE: Final = {
    "en": "to prevent this, remove open: true",
    "nl": "verwijder open: true om dit te voorkomen",
    "fr": "pour l’éviter, retirez open: true",
    "de": "um dies zu verhindern, entfernen Sie open: true",
    "cs": "chcete-li tomu zabránit, odeberte open: true",
}
_AS_BEFORE: Final = {
    "en": "No audience is set. This version is visible to the same people as the previous version: {before}.",
    "nl": "Er is geen publiek ingesteld. Deze versie is zichtbaar voor hetzelfde publiek als de vorige: {before}.",
    "fr": "Aucun public n’est indiqué. Cette version est visible par le même public que la précédente : {before}.",
    "de": "Es ist kein Kreis angegeben. Diese Version ist für denselben Kreis sichtbar wie die vorige: {before}.",
    "cs": "Okruh není uveden. Tuto verzi vidí stejný okruh jako předchozí: {before}.",
}
_NAME_IT: Final = {
    "en": "to show it to others, set the audience, for example: public",
    "nl": "stel een publiek in om ze aan anderen te tonen, bijvoorbeeld: public",
    "fr": "pour la montrer à d’autres, indiquez un public, par exemple : public",
    "de": "um sie anderen zu zeigen, geben Sie einen Kreis an, zum Beispiel: public",
    "cs": "chcete-li ji ukázat jiným, uveďte okruh, například: public",
}


def widens(head: Record, audience: str) -> bool:
    """Whether some see the asset with the new ``audience`` who did not see ``head``.

    Audiences have no order among themselves, so every change counts that does not lead away from the public or to
    our own people.
    """
    return head.audience not in (audience, PUBLIC) and audience != INTERNAL


def widened(head: Record | None, draft: Record) -> Widened | None:
    """What ``draft`` makes wider, after ``head``; None where it shows nothing to anybody new."""
    if head is None or not (draft.opens_history or widens(head, draft.audience)):
        return None
    return Widened(before=head.audience, after=draft.audience, earlier_versions=draft.opens_history)


def findings_about(head: Record | None, draft: Record, change: Widened | None, *, inherited: bool) -> list[Finding]:
    """Warnings about what the publication of ``draft`` shows or hands out to more people than ``head`` did.

    ``inherited`` tells that nobody named its audience and its conditions would have had it seen by more.
    """
    findings: list[Finding] = []
    if change is not None:
        parts = [_WIDER] if change.before != change.after else []
        parts.append(_HISTORY if change.earlier_versions else _KEPT)
        findings.append(_finding(WIDENED, "audience", parts, _NOT_MEANT, draft, before=change.before))
    opened = ", ".join(_opened(head, draft, change))
    if opened:
        parts = [_ANYONE if draft.audience == PUBLIC else _WHO_SEES]
        findings.append(_finding(OPENED, "files.open", parts, _CLOSE, draft, files=opened))
    if inherited and head is not None:
        findings.append(_finding(INHERITED, "audience", [_AS_BEFORE], _NAME_IT, draft, before=head.audience))
    return findings


def _opened(head: Record | None, draft: Record, change: Widened | None) -> Iterable[str]:
    """The files that somebody may download now who could not before."""
    before = {file.name for file in head.files if file.open} if head is not None and change is None else set()
    return (file.name for file in draft.files if file.open and file.name not in before)


def _finding(
    rule: str,
    field: str,
    parts: Iterable[Mapping[str, str]],
    remedy: Mapping[str, str],
    draft: Record,
    *,
    before: str = "",
    files: str = "",
) -> Finding:
    parts = tuple(parts)
    texts = {}
    for language in _KEPT:
        facts = {
            "version": draft.version,
            "after": _who(draft.audience, language),
            "before": _who(before, language),
            "files": files,
            "name": before,
        }
        texts[language] = {
            "message": " ".join(part[language].format(**facts) for part in parts),
            "remedy": remedy[language].format(**facts),
        }
    english = texts.pop("en")
    return Finding(
        severity="warning",
        rule=rule,
        field=field,
        message=english["message"],
        remedy=english["remedy"],
        translations=texts,
    )


def _who(audience: str, language: str) -> str:
    return _WHO.get(audience, {}).get(language, audience)
