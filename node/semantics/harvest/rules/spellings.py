"""Usual spellings in catalogues for values of code lists: folded (``lookup.fold``) → value in the list."""

from __future__ import annotations

from typing import Final

LANGUAGE: Final = {
    "fre": "fr", "ger": "de", "dut": "nl", "cze": "cs", "slo": "sk", "gre": "el", "rum": "ro", "iri": "ga",
    "gle": "ga",
    "nb": "no", "nob": "no", "nn": "no", "nno": "no", "eng": "en", "spa": "es", "ita": "it", "por": "pt",
    "ca": "CAT", "cat": "CAT", "va": "CAT", "eu": "EUS", "eus": "EUS", "baq": "EUS", "gl": "GLG", "glg": "GLG",
    "is": "ISL", "isl": "ISL", "ice": "ISL", "lb": "LTZ", "ltz": "LTZ", "cy": "CYM", "cym": "CYM", "sr": "SRP",
    "tr": "TUR", "ru": "RUS", "ar": "ARA", "zh": "ZHO", "mk": "MKD", "sq": "SQI", "bs": "BOS",
}  # fmt: skip
"""Capitals are codes of the EU authority table that are not in our list of languages."""

_THEMES: Final = {
    "AGRI": (
        "agricultura|agriculture fisheries forestry and food|landbouw|landwirtschaft|agricoltura|"
        "zemedelstvi|medio rural|medio rural pesca"
    ),
    "ECON": (
        "economia|economy|economie|wirtschaft|hacienda|comercio|empleo|industria|turismo|finances|finance|business"
    ),
    "EDUC": (
        "educacion|education|onderwijs|bildung|istruzione|cultura|culture|cultuur|sport|deporte|"
        "cultura ocio|turisme|skolstvi|ensenyament"
    ),
    "ENER": "energia|energy|energie|energetika",
    "ENVI": (
        "medio ambiente|environment|milieu|umwelt|ambiente|environnement|medi ambient|leefmilieu|zivotni prostredi"
    ),
    "GOVE": (
        "sector publico|government|public sector|administration|gobierno|overheid|bestuur|"
        "verwaltung|amministrazione|government and public sector|governo e settore pubblico"
    ),
    "HEAL": "salud|sanidad|health|gezondheid|gesundheit|salute|sante|salut|zdravi",
    "INTR": "international issues|internacional",
    "JUST": ("justice|justicia|legislacion justicia|legislacion|justiz|giustizia|seguridad|recht|justitie"),
    "REGI": (
        "regions and cities|urbanismo|urbanismo infraestructuras|vivienda|city|region|stadt|citta|"
        "regioni e citta|wonen"
    ),
    "SOCI": (
        "demografia|sociedad bienestar|sociedad|population|population and society|bevolking|"
        "bevoelkerung|bevolkerung|popolazione|societe|social|societat"
    ),
    "TECH": (
        "ciencia tecnologia|ciencia|science|technology|science and technology|wetenschap|"
        "wissenschaft|scienza|investigacion|recerca"
    ),
    "TRAN": (
        "transporte|transport|transportation|mobility|mobiliteit|verkehr|trasporti|trafico|mobilite|"
        "transports|verkeer|doprava|mobilidad"
    ),
}
THEME: Final = {word: code for code, words in _THEMES.items() for word in words.split("|")}
"""Names of themes in catalogues of cities → code of the EU data theme."""

FORMATS: Final = {
    "excel": "XLSX", "ms excel": "XLS", "microsoft excel": "XLS", "shapefile": "SHP", "shape": "SHP",
    "esri shapefile": "SHP", "esri shape": "SHP", "geo json": "GEOJSON", "text": "TXT", "plain text": "TXT",
    "web page": "HTML", "website": "HTML", "htm": "HTML", "wms": "WMS_SRVC", "ogc wms": "WMS_SRVC", "wfs": "WFS_SRVC",
    "ogc wfs": "WFS_SRVC", "json ld": "JSON_LD", "jsonld": "JSON_LD", "rdf": "RDF_XML", "rdf xml": "RDF_XML",
    "turtle": "RDF_TURTLE", "ttl": "RDF_TURTLE", "jpg": "JPEG", "geotiff": "TIFF", "tif": "TIFF",
}  # fmt: skip

FREQUENCY: Final = {
    "asneeded": "IRREG", "as needed": "IRREG", "notplanned": "NEVER", "not planned": "NEVER", "unknown": "UNKNOWN",
    "irregular": "IRREG", "continual": "CONT", "continuous": "CONT", "daily": "DAILY", "weekly": "WEEKLY",
    "fortnightly": "BIWEEKLY", "monthly": "MONTHLY", "quarterly": "QUARTERLY", "biannually": "ANNUAL_2",
    "semiannual": "ANNUAL_2", "annual": "ANNUAL", "annually": "ANNUAL", "yearly": "ANNUAL", "r p1y": "ANNUAL",
    "r p1m": "MONTHLY", "r p1w": "WEEKLY", "r p7d": "WEEKLY", "r p1d": "DAILY", "r p3m": "QUARTERLY",
    "r p6m": "ANNUAL_2", "r p2y": "BIENNIAL", "r pt1h": "HOURLY", "r pt1s": "CONT", "r p2w": "BIWEEKLY",
    "punctual": "NEVER", "ponctuelle": "NEVER", "once": "NEVER", "hourly": "HOURLY", "realtime": "UPDATE_CONT",
    "real time": "UPDATE_CONT", "other": "OTHER",
}  # fmt: skip

RIGHTS: Final = {
    "open": "public", "open access": "public", "openaccess": "public", "restricted public": "restricted",
    "restricted access": "restricted", "non public": "non-public", "private": "non-public", "closed": "non-public",
}  # fmt: skip

LICENCE: Final = {"cc 0": "CC0-1.0", "creative commons zero": "CC0-1.0"}

UNCERTAIN_LICENCES: Final = frozenset({"cc by", "cc by sa", "cc by nc", "cc by nd", "odbl", "eupl", "gfdl"})
"""Names without a version could mean several licences: a person decides."""
