"""The shipped profiles against their official shapes, on everything that catalogues and examples hold.

All files that can be read are one graph, blank nodes named, so that each engine runs once for each profile. The
official shapes run in pyshacl, ours in the engine of the node. A result is a node, a property and the kind of rule.
Left out are the classes of values, which the official shapes demand and ours do not: code lists and other catalogues
are referred to, not copied.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

import pytest
import rdflib
from pyshacl import validate

from node.semantics.resources import read
from node.semantics.validation.profiles import PROFILES, applies
from node.semantics.validation.shapes import Shapes
from tests.artefacts import data
from tests.conformance.shapes.test_shapes_dcat_ap import LARGEST, MEDIA, ntriples

SH: Final = "http://www.w3.org/ns/shacl#"
OFFICIAL: Final = {
    "dcat-ap-hvd": "shapes/dcat-ap-hvd/3.0.0-hvd/shacl/hvd-SHACL.ttl",
    "geodcat-ap": "shapes/geonetwork-copies/shacl/geodcat-ap-3.0.0-SHACL.ttl",
    "mobilitydcat-ap": "shapes/geonetwork-copies/mobilitydcat-ap_shacl_shapes.ttl",
    "mldcat-ap": "shapes/mldcat-ap/3.1.0/shacl/mldcat-ap-SHACL.ttl",
}
"""DCAT-AP-VL and ADMS-AP have tests of their own: of these there are tables, and no shapes that an engine can run."""
RULES: Final = {"Or": "NodeKind"}
"""A date is one of four datatypes here, where the official shapes say only that it is no link."""

Results = set[tuple[str, str, str]]


def named(term: str, number: int) -> str:
    return f"<urn:blank:{number}:{term[2:]}>" if term.startswith("_:") else term


@lru_cache(maxsize=1)
def everything() -> tuple[int, bytes]:
    """The number of files read, and all their statements."""
    lines: dict[str, None] = {}
    count = 0
    for root in (data("catalogues"), data("models/mldcat-ap")):
        for path in sorted(Path(root).rglob("*")):
            if path.suffix not in MEDIA or not path.is_file() or path.stat().st_size > LARGEST:
                continue
            body = ntriples(path)
            if body is None:
                continue
            count += 1
            for line in filter(None, body.decode().split("\n")):
                statement = re.fullmatch(r"(\S+) (\S+) (.*) \.", line)
                assert statement is not None, line
                subject, predicate, value = statement.groups()
                lines[f"{named(subject, count)} {predicate} {named(value, count)} ."] = None
    return count, "\n".join(lines).encode()


def officially(shapes: str) -> Results:
    graph = rdflib.Graph().parse(data=everything()[1], format="nt")
    official = rdflib.Graph().parse(data(shapes))
    _, report, _ = validate(graph, shacl_graph=official, inference="none", do_owl_imports=False)
    results = set()
    for result in report.subjects(rdflib.RDF.type, rdflib.SH.ValidationResult):
        path = report.value(result, rdflib.SH.resultPath)
        rule = str(report.value(result, rdflib.SH.sourceConstraintComponent))
        if str(report.value(result, rdflib.SH.resultSeverity)) == f"{SH}Violation" and "Class" not in rule:
            property_ = str(path) if isinstance(path, rdflib.URIRef) else ""
            results.add((str(report.value(result, rdflib.SH.focusNode)), property_, name_of(rule)))
    return results


def name_of(component: str) -> str:
    name = component.removeprefix(SH).removesuffix("ConstraintComponent")
    return RULES.get(name, name)


def ours(*files: str) -> Results:
    shapes = Shapes([read("shapes", file) for file in files])
    return {
        (breach.focus, breach.path, name_of(breach.component))
        for breach in shapes.breaches(everything()[1])
        if breach.severity == "violation"
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OFFICIAL)
def test_same_results_as_the_official_shapes(name: str) -> None:
    """With DCAT-AP nothing of the official results is missing, and the profile alone adds none to them."""
    official = officially(OFFICIAL[name])
    file = PROFILES[name].file
    assert everything()[0] > 700
    assert len(official) > 900
    assert official - ours("dcat-ap.ttl", file) == set()
    assert ours(file) - official == set()


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_holds_for_what_it_is_about(name: str) -> None:
    plain = b'<urn:d> <http://purl.org/dc/terms/title> "T" .\n'
    terms = PROFILES[name].terms
    assert applies(name, plain) == (not terms)
    for term in terms:
        assert applies(name, plain + f"<urn:d> <{term}> <urn:x> .\n".encode())


def test_adms_states_the_cardinalities_of_its_schema() -> None:
    """What the schema says in words of each property of assets, their files and contacts, beyond DCAT-AP."""
    schema = data("shapes/adms-ap/releases/2.01/adms-ap_v2.0.2_rdf_schema.ttl").read_text("utf-8")
    shapes = rdflib.Graph().parse(data=read("shapes", "adms-ap.ttl"), format="turtle")
    least, most = {}, {}
    for shape, class_ in shapes.subject_objects(rdflib.SH.targetClass):
        for rule in shapes.objects(shape, rdflib.SH.property):
            key = (str(class_), str(shapes.value(rule, rdflib.SH.path)))
            least[key] = str(shapes.value(rule, rdflib.SH.minCount) or "0")
            most[key] = str(shapes.value(rule, rdflib.SH.maxCount) or "n")
    classes = {
        "ASSET": "http://www.w3.org/ns/dcat#Dataset",
        "ASSET DISTRIBUTION": "http://www.w3.org/ns/dcat#Distribution",
        "CONTACT INFORMATION": "http://www.w3.org/2006/vcard/ns#Kind",
        "LICENCE": "http://purl.org/dc/terms/LicenseDocument",
    }
    prefixes = dict(re.findall(r"@prefix (\w+): <([^>]+)>", schema))
    base = rdflib.Graph().parse(data=read("shapes", "dcat-ap.ttl"), format="turtle")
    by_dcat_ap = {
        (str(class_), str(base.value(rule, rdflib.SH.path)), str(limit))
        for shape, class_ in base.subject_objects(rdflib.SH.targetClass)
        for rule in base.objects(shape, rdflib.SH.property)
        for limit in (rdflib.SH.minCount, rdflib.SH.maxCount)
        if base.value(rule, limit) is not None and base.value(rule, rdflib.SH.severity) == rdflib.SH.Violation
    }
    checked = 0
    for section in re.split(r"CLASS - ", schema)[1:]:
        class_ = classes.get(re.split(r"\s{2,}|<>", section, maxsplit=1)[0].strip())
        if class_ is None:
            continue
        for block in re.split(r"\n\s*\n", section):
            usage = re.search(r"Property - (\d)\.\.(\d|n)", block)
            name = re.search(r"^(\w+):(\w+)\s", block.strip(), re.MULTILINE)
            if usage is None or name is None or name[1] not in prefixes:
                continue
            key = (class_, f"{prefixes[name[1]]}{name[2]}")
            checked += 1
            if usage[1] == "1" and (*key, f"{SH}minCount") not in by_dcat_ap:
                assert least.get(key) == "1", key
            if usage[2] == "1" and (*key, f"{SH}maxCount") not in by_dcat_ap:
                assert most.get(key) == "1", key
            # Nothing is stricter than the schema.
            assert least.get(key, "0") <= usage[1], key
            assert most.get(key, "n") in {"n", usage[2]}, key
    assert checked > 40
