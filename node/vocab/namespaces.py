"""Namespaces, and their usual prefixes."""

from __future__ import annotations

from typing import Final

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
OWL: Final = "http://www.w3.org/2002/07/owl#"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"
SKOS: Final = "http://www.w3.org/2004/02/skos/core#"
DCAT: Final = "http://www.w3.org/ns/dcat#"
DCT: Final = "http://purl.org/dc/terms/"
DCATAP: Final = "http://data.europa.eu/r5r/"
ADMS: Final = "http://www.w3.org/ns/adms#"
SPDX: Final = "http://spdx.org/rdf/terms#"
FOAF: Final = "http://xmlns.com/foaf/0.1/"
VCARD: Final = "http://www.w3.org/2006/vcard/ns#"
ODRL: Final = "http://www.w3.org/ns/odrl/2/"
PROV: Final = "http://www.w3.org/ns/prov#"
SCHEMA: Final = "http://schema.org/"
DQV: Final = "http://www.w3.org/ns/dqv#"
QUDT: Final = "http://qudt.org/schema/qudt/"
SOSA: Final = "http://www.w3.org/ns/sosa/"
SH: Final = "http://www.w3.org/ns/shacl#"
IT6: Final = "http://data.europa.eu/it6/"
GEODCAT: Final = "http://data.europa.eu/930/"
MOBILITY: Final = "http://w3id.org/mobilitydcat-ap#"
MDCAT: Final = "https://data.vlaanderen.be/ns/metadata-dcat#"
DPV: Final = "https://w3id.org/dpv#"
CSVW: Final = "http://www.w3.org/ns/csvw#"
CC: Final = "http://creativecommons.org/ns#"
HYDRA: Final = "http://www.w3.org/ns/hydra/core#"
LOCN: Final = "http://www.w3.org/ns/locn#"
GEOSPARQL: Final = "http://www.opengis.net/ont/geosparql#"
AS: Final = "https://www.w3.org/ns/activitystreams#"
LDES: Final = "https://w3id.org/ldes#"
TREE: Final = "https://w3id.org/tree#"
DSPACE: Final = "https://w3id.org/dspace/2025/1/"
DCP: Final = "https://w3id.org/dspace-dcp/v1.0/"
HANSA: Final = "https://w3id.org/hansa/ns#"
HANSA_MODEL: Final = "https://w3id.org/hansa/model#"
HANSA_POLICY: Final = "https://w3id.org/hansa/policy#"
HANSA_CREDENTIALS: Final = "https://w3id.org/hansa/credentials#"

PREFIXES: Final[dict[str, str]] = {
    "rdf": RDF,
    "rdfs": RDFS,
    "owl": OWL,
    "xsd": XSD,
    "skos": SKOS,
    "dcat": DCAT,
    "dct": DCT,
    "dcatap": DCATAP,
    "adms": ADMS,
    "spdx": SPDX,
    "foaf": FOAF,
    "vcard": VCARD,
    "odrl": ODRL,
    "prov": PROV,
    "schema": SCHEMA,
    "dqv": DQV,
    "qudt": QUDT,
    "sosa": SOSA,
    "sh": SH,
    "it6": IT6,
    "geodcat": GEODCAT,
    "mobilitydcatap": MOBILITY,
    "mdcat": MDCAT,
    "dpv": DPV,
    "csvw": CSVW,
    "cc": CC,
    "locn": LOCN,
    "geo": GEOSPARQL,
    "hydra": HYDRA,
    "ldes": LDES,
    "tree": TREE,
    "dspace": DSPACE,
    "hansa": HANSA,
    "hm": HANSA_MODEL,
    "hz": HANSA_POLICY,
}


def shorten_iri(iri: str) -> str:
    """Return ``prefix:name`` for an IRI of a namespace that has a prefix here, else an empty text."""
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace) and len(iri) > len(namespace):
            return f"{prefix}:{iri[len(namespace) :]}"
    return ""


def local_name(iri: str) -> str:
    """Return the part of ``iri`` after the last ``#`` or ``/``, but for one at its end."""
    return iri.rstrip("/#").replace("#", "/").rpartition("/")[2]
