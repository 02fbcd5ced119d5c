"""What is told about the files of a dataset and the versions of a schema, in five languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from node.semantics.model import Finding

TONGUES: Final = ("en", "nl", "cs", "fr", "de")

Five = tuple[str, str, str, str, str]
Words = str | Callable[[str], str]
"""A text that is the same in each language, or the text in a language."""

_NOTHING: Final[Five] = ("", "", "", "", "")
_TEXTS: Final[Mapping[str, tuple[Five, Five]]] = {
    "breaking": (
        (
            "{change}: data that were right by version {version} become wrong",
            "{change}: wat volgens versie {version} goed was, wordt fout",
            "{change}: údaje správné podle verze {version} už správné nejsou",
            "{change} : des données justes selon la version {version} deviennent fausses",
            "{change}: Daten, die nach Version {version} richtig waren, werden falsch",
        ),
        (
            "tell those who use the schema, or publish it under another id and keep this one",
            "zeg het wie het schema gebruikt, of publiceer het onder een andere id en laat dit staan",
            "oznamte to těm, kdo schéma používají, nebo je zveřejněte pod jiným id a toto ponechte",
            "prévenez ceux qui utilisent le schéma, ou publiez-le sous un autre id et gardez celui-ci",
            "sagen Sie es denen, die das Schema nutzen, oder veröffentlichen Sie es unter einer anderen id",
        ),
    ),
    "more-breaking": (
        (
            "{more} more changes break what was right",
            "nog {more} wijzigingen maken fout wat goed was",
            "dalších změn, které porušují, co bylo správné: {more}",
            "{more} autres modifications rendent faux ce qui était juste",
            "{more} weitere Änderungen machen falsch, was richtig war",
        ),
        _NOTHING,
    ),
    "not-a-table": (
        (
            "{file} is published as a table ({type}), and {really}",
            "{file} wordt als tabel gepubliceerd ({type}), maar dat is het niet",
            "{file} se zveřejňuje jako tabulka ({type}), ale tabulkou není",
            "{file} est publié comme un tableau ({type}), mais n'en est pas un",
            "{file} wird als Tabelle veröffentlicht ({type}), ist aber keine",
        ),
        (
            "publish the table itself as CSV, or give the file the name of what it is",
            "publiceer de tabel zelf als CSV, of geef het bestand de naam van wat het is",
            "zveřejněte samotnou tabulku jako CSV, nebo soubor pojmenujte podle toho, čím je",
            "publiez le tableau lui-même en CSV, ou donnez au fichier le nom de ce qu'il est",
            "veröffentlichen Sie die Tabelle selbst als CSV, oder benennen Sie die Datei nach dem, was sie ist",
        ),
    ),
    "unreadable": (
        (
            "{file} cannot be compared with {schema}: {why}",
            "{file} kan niet met {schema} worden vergeleken: het is niet leesbaar als JSON",
            "{file} nelze porovnat se schématem {schema}: nelze jej číst jako JSON",
            "{file} ne peut pas être comparé à {schema} : il n'est pas lisible comme JSON",
            "{file} kann nicht mit {schema} verglichen werden: es ist nicht als JSON lesbar",
        ),
        _NOTHING,
    ),
    "breach": (
        (
            "{file} does not conform to {schema}: {breach}",
            "{file} voldoet niet aan {schema}: {breach}",
            "{file} neodpovídá schématu {schema}: {breach}",
            "{file} n'est pas conforme à {schema} : {breach}",
            "{file} entspricht nicht {schema}: {breach}",
        ),
        (
            "mend the data, or leave conforms_to out",
            "verbeter de gegevens, of laat conforms_to weg",
            "opravte údaje, nebo vynechte conforms_to",
            "corrigez les données, ou omettez conforms_to",
            "verbessern Sie die Daten, oder lassen Sie conforms_to weg",
        ),
    ),
    "more-breaches": (
        (
            "{file}: {more} more breaches of {schema} in {rows} rows",
            "{file}: nog {more} afwijkingen van {schema} in {rows} rijen",
            "{file}: dalších odchylek od schématu {schema}: {more}, řádků: {rows}",
            "{file} : {more} autres écarts à {schema} dans {rows} lignes",
            "{file}: {more} weitere Abweichungen von {schema} in {rows} Zeilen",
        ),
        _NOTHING,
    ),
    "not-whole": (
        (
            "{file}: only {rows} rows were checked",
            "{file}: alleen {rows} rijen werden nagekeken",
            "{file}: zkontrolováno bylo jen řádků: {rows}",
            "{file} : seules {rows} lignes ont été vérifiées",
            "{file}: nur {rows} Zeilen wurden geprüft",
        ),
        _NOTHING,
    ),
    "untried": (
        (
            "{file} was not compared with the pattern {pattern} of {schema}: it takes too long, or cannot be read "
            "here",
            "{file} werd niet vergeleken met het patroon {pattern} van {schema}: het duurt te lang, of is hier niet "
            "leesbaar",
            "{file} nebyl porovnán se vzorem {pattern} schématu {schema}: trvá příliš dlouho, nebo jej zde nelze "
            "číst",
            "{file} n'a pas été comparé au motif {pattern} de {schema} : il prend trop de temps, ou n'est pas "
            "lisible ici",
            "{file} wurde nicht mit dem Muster {pattern} von {schema} verglichen: es dauert zu lange, oder ist hier "
            "nicht lesbar",
        ),
        (
            "write the pattern more simply, without repetitions inside repetitions",
            "schrijf het patroon eenvoudiger, zonder herhalingen in herhalingen",
            "napište vzor jednodušeji, bez opakování uvnitř opakování",
            "écrivez le motif plus simplement, sans répétitions dans des répétitions",
            "schreiben Sie das Muster einfacher, ohne Wiederholungen in Wiederholungen",
        ),
    ),
}


def file_finding(
    key: str, rule: str, *, field: str, severity: str = "warning", value: str = "", **values: Words
) -> Finding:
    """The finding ``key`` of the table above, with ``values`` in its texts."""
    messages, remedies = _TEXTS[key]

    def text(place: int) -> str:
        tongue = TONGUES[place]
        here = {name: words if isinstance(words, str) else words(tongue) for name, words in values.items()}
        return messages[place].format(**here)

    return Finding(
        severity=severity,
        message=text(0),
        remedy=remedies[0],
        rule=rule,
        field=field,
        value=value,
        translations={
            tongue: {"message": text(place), "why": "", "remedy": remedies[place]}
            for place, tongue in enumerate(TONGUES)
            if place
        },
    )
