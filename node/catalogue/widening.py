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
        "en": "this node’s own people",
        "nl": "de eigen mensen van deze node",
        "fr": "les personnes de ce nœud",
        "de": "die eigenen Personen dieses Knotens",
        "cs": "vlastní lidé tohoto uzlu",
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
    "en": "Audience is wider: version {version} can be seen by: {after}. The version before: {before}.",
    "nl": "Ruimer publiek: versie {version} is zichtbaar voor: {after}. De versie ervoor: {before}.",
    "fr": "Public élargi : la version {version} est visible pour : {after}. La version précédente : {before}.",
    "de": "Weiterer Kreis: Version {version} ist sichtbar für: {after}. Die Version davor: {before}.",
    "cs": "Širší okruh: verzi {version} vidí: {after}. Předchozí verzi: {before}.",
}
_KEPT: Final = {
    "en": "Earlier versions and their files stay as visible as they were.",
    "nl": "Eerdere versies en hun bestanden blijven zo zichtbaar als ze waren.",
    "fr": "La visibilité des versions précédentes et de leurs fichiers ne change pas.",
    "de": "Frühere Versionen und ihre Dateien bleiben so sichtbar, wie sie waren.",
    "cs": "Viditelnost dřívějších verzí a jejich souborů se nemění.",
}
_HISTORY: Final = {
    "en": "All earlier versions and their files can now be seen too, by: {after}.",
    "nl": "Alle eerdere versies en hun bestanden zijn nu ook zichtbaar, voor: {after}.",
    "fr": "Toutes les versions précédentes et leurs fichiers sont désormais visibles aussi, pour : {after}.",
    "de": "Auch alle früheren Versionen und ihre Dateien sind jetzt sichtbar, für: {after}.",
    "cs": "Všechny dřívější verze a jejich soubory nyní vidí také: {after}.",
}
_NOT_MEANT: Final = {
    "en": "if this is not meant, name the audience: {name}",
    "nl": "is dit niet de bedoeling, noem dan het publiek: {name}",
    "fr": "si ce n’est pas voulu, indiquez le public : {name}",
    "de": "falls nicht beabsichtigt, den Kreis nennen: {name}",
    "cs": "pokud to není záměr, uveďte okruh: {name}",
}
_ANYONE: Final = {
    "en": "Anyone may download this now, without signing in and without an agreement: {files}.",
    "nl": "Iedereen mag dit nu downloaden, zonder aanmelden en zonder overeenkomst: {files}.",
    "fr": "Tout le monde peut désormais télécharger ceci, sans connexion et sans accord : {files}.",
    "de": "Das darf jetzt jeder herunterladen, ohne Anmeldung und ohne Vereinbarung: {files}.",
    "cs": "Toto si nyní může stáhnout kdokoli, bez přihlášení a bez dohody: {files}.",
}
_WHO_SEES: Final = {
    "en": "Whoever can see this asset ({after}) may download this now, without an agreement: {files}.",
    "nl": "Wie dit item kan zien ({after}), mag dit nu downloaden, zonder overeenkomst: {files}.",
    "fr": "Qui peut voir cette ressource ({after}) peut désormais télécharger ceci, sans accord : {files}.",
    "de": "Wer dieses Angebot sieht ({after}), darf das jetzt herunterladen, ohne Vereinbarung: {files}.",
    "cs": "Kdo tuto položku vidí ({after}), si toto nyní může stáhnout bez dohody: {files}.",
}
_CLOSE: Final = {
    "en": "if this is not meant, leave out open: true",
    "nl": "is dit niet de bedoeling, laat open: true weg",
    "fr": "si ce n’est pas voulu, retirez open: true",
    "de": "falls nicht beabsichtigt, open: true weglassen",
    "cs": "pokud to není záměr, vynechte open: true",
}
_AS_BEFORE: Final = {
    "en": "No audience is named, so this version is seen by the same as the one before: {before}.",
    "nl": "Er is geen publiek genoemd; deze versie is zichtbaar voor dezelfden als de vorige: {before}.",
    "fr": "Aucun public n’est indiqué : cette version est visible comme la précédente, pour : {before}.",
    "de": "Kein Kreis ist genannt; diese Version ist für dieselben sichtbar wie die vorige: {before}.",
    "cs": "Okruh není uveden; tuto verzi vidí titíž jako předchozí: {before}.",
}
_NAME_IT: Final = {
    "en": "to show it to others, name the audience: public, for example",
    "nl": "noem een publiek om het aan anderen te tonen, bijvoorbeeld: public",
    "fr": "pour la montrer à d’autres, indiquez un public, par exemple : public",
    "de": "um sie anderen zu zeigen, einen Kreis nennen, zum Beispiel: public",
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
