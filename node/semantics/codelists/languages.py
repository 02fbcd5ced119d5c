"""Languages as the EU authority table ``language`` names them, by the tags of BCP 47 that people write."""

from __future__ import annotations

from typing import Final

from node.semantics.codelists.lookup import EU, Code, CodeList

# tag, code of the authority table (ISO 639-3), English name, own name
_ROWS = (
    ("bg", "BUL", "Bulgarian", "български"),
    ("cs", "CES", "Czech", "čeština"),
    ("da", "DAN", "Danish", "dansk"),
    ("de", "DEU", "German", "Deutsch"),
    ("el", "ELL", "Greek", "ελληνικά"),
    ("en", "ENG", "English", "English"),
    ("es", "SPA", "Spanish", "español"),
    ("et", "EST", "Estonian", "eesti keel"),
    ("fi", "FIN", "Finnish", "suomi"),
    ("fr", "FRA", "French", "français"),
    ("ga", "GLE", "Irish", "Gaeilge"),
    ("hr", "HRV", "Croatian", "hrvatski"),
    ("hu", "HUN", "Hungarian", "magyar"),
    ("it", "ITA", "Italian", "italiano"),
    ("lt", "LIT", "Lithuanian", "lietuvių kalba"),
    ("lv", "LAV", "Latvian", "latviešu valoda"),
    ("mt", "MLT", "Maltese", "Malti"),
    ("nl", "NLD", "Dutch", "Nederlands"),
    ("no", "NOR", "Norwegian", "norsk"),
    ("pl", "POL", "Polish", "polski"),
    ("pt", "POR", "Portuguese", "português"),
    ("ro", "RON", "Romanian", "română"),
    ("sk", "SLK", "Slovak", "slovenčina"),
    ("sl", "SLV", "Slovenian", "slovenščina"),
    ("sv", "SWE", "Swedish", "svenska"),
    ("uk", "UKR", "Ukrainian", "українська"),
)

LANGUAGES: Final = CodeList(
    "language",
    f"{EU}language",
    tuple(
        Code(
            code=tag,
            iri=f"{EU}language/{code}",
            labels={"en": english, tag: own},
            also=(code,),
            same=(f"http://id.loc.gov/vocabulary/iso639-1/{tag}", f"http://lexvo.org/id/iso639-3/{code.lower()}"),
        )
        for tag, code, english, own in _ROWS
    ),
)

TAGS: Final = frozenset(row[0] for row in _ROWS)
"""The language tags that are known here. They distinguish a map of texts by language from a set of fields."""
