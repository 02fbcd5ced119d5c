"""The content of the demonstration as records, for the portal's node in memory."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from node.catalogue.model import Record
from node.catalogue.nquads import iri_term, line, literal_term
from node.policy.templates import compile_conditions
from node.semantics.model import File
from node.vocab.namespaces import (
    ADMS,
    DCAT,
    DCT,
    HANSA,
    HANSA_MODEL,
    IT6,
    OWL,
    PROV,
    QUDT,
    RDF,
    RDFS,
    SCHEMA,
    SKOS,
    VCARD,
    XSD,
)

REGION = "did:web:127.0.0.1%3A8100"
GENT = "did:web:127.0.0.1%3A8101"
PLZEN = "did:web:127.0.0.1%3A8102"
BRUGGE = "did:web:127.0.0.1%3A8103"
NAMES = {REGION: "Vlaanderen", GENT: "Stad Gent", PLZEN: "Plzeň", BRUGGE: "Stad Brugge"}
HOMES = {REGION: "http://127.0.0.1:8100", GENT: "http://127.0.0.1:8101", PLZEN: "http://127.0.0.1:8102"}

EU = "http://publications.europa.eu/resource/authority"
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)

SAMPLE_CSV = (
    "refRoadSegment,dateObservedFrom,dateObservedTo,vehicleType,intensity,averageVehicleSpeed\n"
    + "".join(
        f"seg-{n:03},2026-10-01T{n // 4:02}:{n % 4 * 15:02}:00Z,2026-10-01T{n // 4:02}:{n % 4 * 15 + 14:02}:59Z,"
        f"{'car' if n % 3 else 'lorry'},{40 + n * 7 % 90},{28.5 + n % 11}\n"
        for n in range(60)
    )
).encode()


def _segments() -> bytes:
    """A small town: a ring road, streets to its middle, a river with two bridges."""
    corners = [
        (3.72 + 0.021 * math.cos(n * math.pi / 8), 51.05 + 0.012 * math.sin(n * math.pi / 8)) for n in range(16)
    ]
    inner = [(3.72 + (x - 3.72) * 0.45, 51.05 + (y - 51.05) * 0.45) for x, y in corners]
    roads = [[corners[n - 1], corners[n]] for n in range(16)]
    roads += [[inner[n - 2], inner[n]] for n in range(0, 16, 2)]
    roads += [[corners[n], inner[n], (3.72 + n * 0.0001, 51.05)] for n in range(0, 16, 2)]
    features = [
        {
            "type": "Feature",
            "id": f"seg-{n}",
            "properties": {"capacity_vph": 1800},
            "geometry": {"type": "LineString", "coordinates": [[round(x, 5), round(y, 5)] for x, y in road]},
        }
        for n, road in enumerate(roads)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


SEGMENTS = _segments()


def say(**texts: str) -> dict[str, str]:
    """Language tag → text."""
    return texts


CONDITIONS: dict[str, dict[str, Any]] = {
    "open": {"template": "open"},
    "members": {"template": "members"},
    "mobility": {"template": "mobility-partners", "until": "2027-12-31"},
    "approve": {"template": "run-not-copy"},
}


def offer_of(iri: str, conditions: str) -> dict[str, Any]:
    """The offer that one of ``CONDITIONS`` compiles to."""
    compiled = compile_conditions(CONDITIONS[conditions], target=iri, offer_id=f"{iri}#offer", region=REGION)
    assert compiled.offer is not None
    return compiled.offer


class Graph:
    """A few statements about one asset, written as the catalogue keeps them."""

    def __init__(self, iri: str) -> None:
        self.iri = iri
        self.lines: list[str] = []
        self._blank = 0

    def add(self, predicate: str, value: Any, subject: str = "") -> Graph:
        """A statement about the asset or ``subject``: an IRI (``<…>``), a dict of texts, or a plain value."""
        about = subject or f"<{self.iri}>"
        values: Iterable[str]
        if isinstance(value, dict):
            values = [literal_term(text, language=tag) for tag, text in value.items()]
        elif isinstance(value, bool):
            values = [literal_term(str(value).lower(), datatype=f"{XSD}boolean")]
        elif isinstance(value, int):
            values = [literal_term(str(value), datatype=f"{XSD}integer")]
        elif isinstance(value, float):
            values = [literal_term(str(value), datatype=f"{XSD}decimal")]
        elif isinstance(value, tuple):
            values = [literal_term(value[0], datatype=f"{XSD}{value[1]}")]
        elif value.startswith("<"):
            values = [iri_term(value[1:-1])]
        elif value.startswith("_:"):
            values = [value]
        else:
            values = [literal_term(value)]
        self.lines += [line(about, iri_term(predicate), written) for written in values]
        return self

    def node(self, predicate: str, members: dict[str, Any], types: tuple[str, ...] = ()) -> str:
        """A blank node behind ``predicate``."""
        self._blank += 1
        name = f"_:c14n{self._blank}"
        self.add(predicate, name)
        for kind in types:
            self.add(f"{RDF}type", f"<{kind}>", name)
        for inner, value in members.items():
            for one in value if isinstance(value, list) else [value]:
                self.add(inner, one, name)
        return name

    def nquads(self) -> bytes:
        return b"".join(f"{one}\n".encode() for one in sorted(set(self.lines)))


def record(
    iri: str,
    kind: str,
    publisher: str,
    graph: Graph,
    titles: dict[str, str],
    descriptions: dict[str, str],
    *,
    policy: str = "",
    version: int = 1,
    days: float = 1,
    **more: Any,
) -> Record:
    """Return a record; its title and description are in the graph too."""
    graph.add(f"{DCT}title", titles).add(f"{DCT}description", descriptions)
    graph.add(f"{DCT}publisher", f"<{publisher}>")
    for theme in more.get("themes", ()):
        graph.add(f"{DCAT}theme", f"<{theme}>")
    nquads = graph.nquads()
    return Record(
        iri=iri,
        version=version,
        kind=kind,
        audience=more.pop("audience", "public"),
        titles=titles,
        descriptions=descriptions,
        publisher=publisher,
        publisher_name=more.pop("publisher_name", NAMES.get(publisher, "")),
        origin=more.pop("origin", publisher),
        nquads=nquads,
        sha256=hashlib.sha256(nquads).hexdigest(),
        at=NOW - timedelta(days=days),
        by="els",
        offer=offer_of(iri, policy) if policy else None,
        entry=f"0192f3a0-{version:04}-7a55",
        **more,
    )


TRAN, ENVI = f"{EU}/data-theme/TRAN", f"{EU}/data-theme/ENVI"


def demo_records() -> list[Record]:
    """Everything that the cast publishes, older versions first."""
    return [
        *_traffic_counts(),
        _road_network(),
        _staff(),
        _assignment(),
        _noise(),
        _receptors(),
        _ontology(),
        _schema(),
        _transformation(),
        _service(),
        _scenario(),
        _rulebook(),
        _german(),
        *_withdrawn(),
    ]


def _contact(graph: Graph, name: dict[str, str], mail: str) -> None:
    graph.node(f"{DCAT}contactPoint", {f"{VCARD}fn": name, f"{VCARD}hasEmail": f"<mailto:{mail}>"})


def _traffic_counts() -> list[Record]:
    iri = f"{HOMES[GENT]}/datasets/traffic-counts"
    titles = say(nl="Verkeerstellingen Gent, per kwartier", en="Traffic counts Gent, by quarter of an hour")
    descriptions = say(
        nl="Hoeveel voertuigen van elke klasse elk meetpunt passeren, per kwartier. Ongeveer veertig meetpunten "
        "op de ring en de bruggen; ontbrekende sensoren staan vermeld. Synthetische gegevens.",
        en="How many vehicles of each class pass each measuring point, by quarter of an hour. About forty points "
        "on the ring road and the bridges; missing sensors are named. Synthetic data.",
    )
    versions = []
    for version, days, size, note in (
        (1, 40.0, 46_900_000, None),
        (2, 12.0, 47_112_000, say(en="October completed.", nl="Oktober aangevuld.")),
        (3, 0.1, 47_212_544, say(en="The broken sensor at the bridge is corrected.", nl="Defecte sensor hersteld.")),
    ):
        graph = Graph(iri)
        graph.add(f"{RDF}type", f"<{DCAT}Dataset>").add(f"{DCT}license", f"<{EU}/licence/CC_BY_4_0>")
        graph.add(f"{DCT}accrualPeriodicity", f"<{EU}/frequency/15MIN>")
        graph.add(f"{DCAT}temporalResolution", ("PT15M", "duration"))
        graph.add(f"{DCT}conformsTo", f"<{HOMES[GENT]}/schemas/traffic-flow-observed>")
        graph.add(f"{DCT}accessRights", f"<{EU}/access-right/RESTRICTED>")
        graph.add(f"{DCT}issued", ("2026-10-11", "date"))
        graph.add(f"{DCT}source", f"<{HOMES[GENT]}/datasets/road-network>")
        graph.add(f"{DCT}language", f"<{EU}/language/NLD>")
        graph.node(
            f"{DCT}temporal",
            {
                f"{DCAT}startDate": ("2026-10-01", "date"),
                f"{DCAT}endDate": ("2026-10-31" if version > 1 else "2026-10-20", "date"),
            },
        )
        graph.node(
            f"{DCT}spatial",
            {
                f"{SKOS}prefLabel": say(nl="Gent", en="Ghent"),
                f"{DCAT}bbox": "POLYGON((3.58 50.97, 3.86 50.97, 3.86 51.19, 3.58 51.19, 3.58 50.97))",
            },
        )
        graph.add(
            f"{HANSA}qualityNote",
            say(nl="Tellussen, twee keer per jaar geijkt.", en="Induction loops, calibrated twice a year."),
        )
        graph.node(
            f"{HANSA}hasGap",
            {
                f"{DCT}identifier": "GTM-07",
                f"{RDFS}label": say(nl="Contributiebrug"),
                f"{DCAT}startDate": ("2026-10-03", "date"),
                f"{DCAT}endDate": ("2026-10-06", "date"),
                f"{RDFS}comment": say(en="cable cut", nl="kabelbreuk"),
            },
        )
        _contact(graph, say(nl="Dienst Mobiliteit"), "mobiliteit@stad.gent.example")
        if note:
            graph.add(f"{ADMS}versionNotes", note)
        content = hashlib.sha256(f"counts{version}".encode()).hexdigest()
        files = (
            File(name="traffic-counts.csv", media_type="text/csv", size=size, sha256=content, format="CSV"),
            File(
                name="traffic-sample.csv",
                media_type="text/csv",
                size=len(SAMPLE_CSV),
                sha256=hashlib.sha256(SAMPLE_CSV).hexdigest(),
                format="CSV",
                open=True,
            ),
        )
        versions.append(
            record(
                iri,
                "dataset",
                GENT,
                graph,
                titles,
                descriptions,
                policy="mobility",
                version=version,
                days=days,
                files=files,
                sealed=True,
                keywords=("verkeer", "traffic", "tellingen", "mobiliteit"),
                themes=(TRAN,),
                warnings=({"message": "No period is given for the sample.", "remedy": "add: temporal: …"},),
            )
        )
    return versions


def _road_network() -> Record:
    iri = f"{HOMES[GENT]}/datasets/road-network"
    graph = Graph(iri).add(f"{RDF}type", f"<{DCAT}Dataset>").add(f"{DCT}license", f"<{EU}/licence/CC_BY_4_0>")
    graph.add(f"{DCT}conformsTo", "<http://www.opengis.net/def/crs/EPSG/0/4326>")
    graph.add(f"{DCAT}spatialResolutionInMeters", 1.0)
    return record(
        iri,
        "dataset",
        GENT,
        graph,
        say(nl="Wegennet Gent", en="Road network of Ghent"),
        say(
            nl="Veertig gerichte wegvakken met capaciteit en vrije snelheid, als GeoJSON. Synthetisch.",
            en="Forty directed road segments with capacity and free-flow speed, as GeoJSON. Synthetic.",
        ),
        policy="open",
        days=9,
        files=(
            File(
                name="segments.geojson",
                media_type="application/geo+json",
                size=len(SEGMENTS),
                sha256=hashlib.sha256(SEGMENTS).hexdigest(),
                format="GEOJSON",
                open=True,
            ),
        ),
        keywords=("wegen", "network"),
        themes=(TRAN,),
    )


def _staff() -> Record:
    iri = f"{HOMES[GENT]}/datasets/staff"
    return record(
        iri,
        "dataset",
        GENT,
        Graph(iri).add(f"{RDF}type", f"<{DCAT}Dataset>"),
        say(nl="Personeelsrooster", en="Staff roster"),
        say(nl="Intern.", en="Internal."),
        audience="internal",
        policy="members",
        days=3,
    )


def _assignment() -> Record:
    iri = f"{HOMES[GENT]}/models/traffic-assignment"
    graph = Graph(iri).add(f"{RDF}type", f"<{HANSA_MODEL}Model>")
    graph.add(
        f"{HANSA_MODEL}method",
        say(en="User equilibrium with BPR delays, path by path.", nl="Gebruikersevenwicht met BPR-vertragingen."),
    )
    graph.add(f"{IT6}intendedUse", say(en="Comparing plans for a network, not forecasting a single day."))
    graph.add(f"{IT6}limitations", say(en="No queues, no traffic lights."))
    for name, meaning, unit, default in (
        ("demandFactor", "Multiplies the whole demand", "1", 1.0),
        ("maxIterations", "Stops the search", "1", 200),
    ):
        graph.node(
            f"{HANSA_MODEL}hasParameter",
            {
                f"{SCHEMA}valueName": name,
                f"{DCT}description": say(en=meaning),
                f"{QUDT}ucumCode": unit,
                f"{SCHEMA}defaultValue": default,
            },
        )
    graph.node(
        f"{HANSA_MODEL}hasInput",
        {
            f"{HANSA}role": "network",
            f"{DCT}description": say(en="Directed segments with capacity and speed", nl="Gerichte wegvakken"),
            f"{DCT}conformsTo": f"<{HOMES[GENT]}/schemas/traffic-flow-observed>",
        },
    )
    graph.node(f"{HANSA_MODEL}hasOutput", {f"{HANSA}role": "flow", f"{QUDT}ucumCode": "{veh}/h"})
    return record(
        iri,
        "model",
        GENT,
        graph,
        say(nl="Verkeerstoedeling", en="Traffic assignment"),
        say(
            nl="Verdeelt het verkeer over het wegennet en geeft per wegvak intensiteit en snelheid.",
            en="Spreads traffic over the network and gives flow and speed for each segment.",
        ),
        policy="members",
        days=7,
        keywords=("model", "verkeer"),
        themes=(TRAN,),
    )


def _noise() -> Record:
    iri = f"{HOMES[PLZEN]}/models/road-noise"
    graph = Graph(iri).add(f"{RDF}type", f"<{HANSA_MODEL}Model>").add(f"{DCAT}version", "1.2.0")
    graph.add(
        f"{HANSA_MODEL}method",
        say(
            cs="Emise podle vzoru RLS-90, útlum vzdáleností; ilustrativní, ne CNOSSOS.",
            en="Emission after the manner of RLS-90, attenuation by distance; illustrative, not CNOSSOS.",
        ),
    )
    graph.add(
        f"{IT6}intendedUse",
        say(cs="Srovnání plánů, ne jednotlivých domů.", en="Comparing plans, not judging single houses."),
    )
    graph.add(
        f"{IT6}limitations",
        say(
            cs="Bez odrazů a meteorologie. Mimo uvedené rychlosti jen jako odhad.",
            en="No reflections, no weather. Outside the speeds named only a guess.",
        ),
    )
    graph.add(f"{IT6}howToUse", say(en="Feed hourly flows by day, evening and night; never quarter-hours."))
    graph.add(f"{HANSA_MODEL}deterministic", True)
    graph.node(f"{HANSA_MODEL}owner", {f"{VCARD}fn": say(cs="Správa informačních technologií města Plzně")})
    for name, cs, en, unit, low, high, default in (
        ("heavyShare", "Podíl těžkých vozidel", "Share of heavy vehicles", "%", 0, 60, 8),
        ("carSpeed", "Rychlost osobních vozidel", "Speed of cars", "km/h", 30, 130, 50),
        ("heavySpeed", "Rychlost těžkých vozidel", "Speed of heavy vehicles", "km/h", 30, 80, 50),
    ):
        graph.node(
            f"{HANSA_MODEL}hasParameter",
            {
                f"{SCHEMA}valueName": name,
                f"{DCT}description": say(cs=cs, en=en),
                f"{QUDT}ucumCode": unit,
                f"{SCHEMA}minValue": low,
                f"{SCHEMA}maxValue": high,
                f"{SCHEMA}defaultValue": default,
            },
        )
    flow = graph.node(
        f"{HANSA_MODEL}hasInput",
        {
            f"{HANSA}role": "flow",
            f"{DCT}description": say(cs="Hodinové intenzity", en="Hourly flows, light and heavy"),
            f"{DCAT}temporalResolution": ("PT1H", "duration"),
            f"{QUDT}ucumCode": "{veh}/h",
        },
    )
    for place, (name, unit) in enumerate((("light", "{veh}/h"), ("heavy", "{veh}/h"))):
        graph.add(f"{HANSA_MODEL}hasVariable", f"_:v{place}", flow)
        graph.add(f"{DCT}identifier", name, f"_:v{place}").add(f"{QUDT}ucumCode", unit, f"_:v{place}")
    graph.node(
        f"{HANSA_MODEL}hasInput",
        {
            f"{HANSA}role": "receptors",
            f"{DCT}description": say(cs="Příjemci hluku", en="Noise receptors"),
            f"{DCT}conformsTo": f"<{HOMES[PLZEN]}/datasets/receptors>",
        },
    )
    graph.node(
        f"{HANSA_MODEL}hasOutput",
        {
            f"{HANSA}role": "noise",
            f"{DCT}description": say(cs="Lden u každého příjemce", en="Lden at each receptor"),
            f"{QUDT}ucumCode": "dB[SPL]",
        },
    )
    graph.node(
        f"{HANSA_MODEL}validity",
        {
            f"{RDFS}comment": say(
                cs="Osobní vozidla 30–130 km/h, těžká 30–80 km/h.", en="Cars at 30–130 km/h, heavy at 30–80 km/h."
            )
        },
    )
    graph.node(
        f"{HANSA_MODEL}calibration",
        {
            f"{RDFS}comment": say(cs="Dvanáct měření v roce 2025.", en="Twelve measurements of 2025."),
            f"{DCT}date": ("2025-09-30", "date"),
        },
    )
    graph.node(
        f"{IT6}hasRisk",
        {
            f"{DCT}description": say(cs="Chybná volba mezi dvěma plány.", en="The wrong choice between two plans."),
            f"{HANSA_MODEL}riskLevel": f"<{HANSA}LowRisk>",
        },
    )
    _contact(graph, say(cs="Tým modelů"), "modely@plzen.example")
    return record(
        iri,
        "model",
        PLZEN,
        graph,
        say(cs="Hluk ze silniční dopravy", en="Road noise"),
        say(
            cs="Počítá hladinu hluku Lden u fasád z intenzit dopravy, podílu těžkých vozidel a rychlosti.",
            en="Computes the noise level Lden at façades from flows, the share of heavy vehicles and speed.",
        ),
        policy="approve",
        days=2,
        keywords=("hluk", "noise", "Lden"),
        themes=(ENVI, TRAN),
    )


def _receptors() -> Record:
    iri = f"{HOMES[PLZEN]}/datasets/receptors"
    return record(
        iri,
        "dataset",
        PLZEN,
        Graph(iri).add(f"{RDF}type", f"<{DCAT}Dataset>"),
        say(cs="Příjemci hluku v Plzni", en="Noise receptors in Pilsen"),
        say(cs="Budovy s počty obyvatel zaokrouhlenými na deset.", en="Buildings with residents rounded to ten."),
        policy="approve",
        days=2.2,
        keywords=("hluk",),
        themes=(ENVI,),
    )


def _ontology() -> Record:
    iri = f"{HOMES[GENT]}/ontologies/mobility"
    graph = Graph(iri).add(f"{RDF}type", f"<{OWL}Ontology>").add(f"{DCT}license", f"<{EU}/licence/CC0>")
    graph.add("http://purl.org/vocab/vann/preferredNamespacePrefix", "gm")
    for name, nl, cs, en, meaning, parent in (
        ("RoadSegment", "Wegvak", "Úsek silnice", "Road segment", "A stretch of road between two nodes.", ""),
        ("Bridge", "Brug", "Most", "Bridge", "A road segment that crosses something.", "RoadSegment"),
        ("MeasurementPoint", "Meetpunt", "Měřicí bod", "Measurement point", "Where traffic is counted.", ""),
        ("TrafficFlow", "Verkeersstroom", "Dopravní proud", "Traffic flow", "Vehicles in an interval.", ""),
        ("NoiseReceptor", "Geluidsontvanger", "Příjemce hluku", "Noise receptor", "A façade that hears.", ""),
        ("QuietArea", "Stil gebied", "Tichá oblast", "Quiet area", "Kept below a level of noise.", ""),
        ("Closure", "Afsluiting", "Uzavírka", "Closure", "An intervention that lets nothing pass.", ""),
    ):
        term = f"<{iri}#{name}>"
        graph.add(f"{RDF}type", f"<{OWL}Class>", term).add(f"{RDFS}label", say(nl=nl, cs=cs, en=en), term)
        graph.add(f"{RDFS}comment", say(en=meaning), term)
        if parent:
            graph.add(f"{RDFS}subClassOf", f"<{iri}#{parent}>", term)
    link = f"<{iri}#observedOn>"
    graph.add(f"{RDF}type", f"<{OWL}ObjectProperty>", link).add(f"{RDFS}label", say(nl="gemeten op"), link)
    graph.add(f"{RDFS}domain", f"<{iri}#TrafficFlow>", link).add(f"{RDFS}range", f"<{iri}#RoadSegment>", link)
    lorry = f"<{iri}#lorry>"
    graph.add(f"{RDF}type", f"<{SKOS}Concept>", lorry)
    graph.add(f"{SKOS}prefLabel", say(nl="vrachtwagen", cs="nákladní vůz", en="lorry"), lorry)
    graph.add(f"{SKOS}closeMatch", "<http://inspire.ec.europa.eu/codelist/VehicleTypeValue/truck>", lorry)
    return record(
        iri,
        "ontology",
        GENT,
        graph,
        say(nl="Ontologie mobiliteit en geluid", cs="Ontologie mobility a hluku", en="Mobility and noise ontology"),
        say(nl="Vijfentwintig begrippen voor verkeer en geluid.", en="Twenty-five terms for traffic and noise."),
        policy="open",
        days=30,
        themes=(TRAN,),
    )


def _schema() -> Record:
    iri = f"{HOMES[GENT]}/schemas/traffic-flow-observed"
    definition = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["refRoadSegment", "intensity"],
        "properties": {
            "refRoadSegment": {"type": "string", "description": "The road segment"},
            "dateObservedFrom": {"type": "string", "format": "date-time", "description": "Begin, inclusive"},
            "intensity": {"type": "integer", "minimum": 0, "description": "Vehicles in the interval"},
            "averageVehicleSpeed": {"type": ["number", "null"], "description": "km/h"},
        },
    }
    graph = Graph(iri).add(f"{RDF}type", f"<{HANSA}Schema>").add(f"{HANSA}definition", json.dumps(definition))
    graph.add(f"{HANSA}describes", f"<{HOMES[GENT]}/ontologies/mobility#TrafficFlow>")
    return record(
        iri,
        "schema",
        GENT,
        graph,
        say(en="TrafficFlowObserved"),
        say(nl="Eén waarneming van een verkeersstroom.", en="One observation of a traffic flow."),
        policy="open",
        days=29,
        themes=(TRAN,),
    )


def _transformation() -> Record:
    iri = f"{HOMES[GENT]}/transformations/quarter-to-hour"
    graph = Graph(iri).add(f"{RDF}type", f"<{HANSA}Transformation>")
    graph.add(f"{HANSA}transformationLanguage", f"<{HANSA}ColumnMapping>")
    graph.add(f"{HANSA}fromSchema", f"<{HOMES[GENT]}/schemas/traffic-flow-observed>")
    graph.add(f"{HANSA}definition", "group: [refRoadSegment, hour]\nlight: sum(intensity where car, van)\n")
    return record(
        iri,
        "transformation",
        GENT,
        graph,
        say(nl="Kwartieren naar uren, licht en zwaar", en="Quarter-hours to hours, light and heavy"),
        say(en="Quarter-hour classes to hourly light and heavy flows by day, evening and night."),
        policy="open",
        days=20,
    )


def _service() -> Record:
    iri = f"{HOMES[GENT]}/services/road-works"
    graph = Graph(iri).add(f"{RDF}type", f"<{DCAT}DataService>")
    graph.add(f"{DCAT}endpointURL", "<https://data.stad.gent.example/api/road-works>")
    graph.add(f"{DCAT}servesDataset", f"<{HOMES[GENT]}/datasets/road-network>")
    return record(
        iri,
        "service",
        GENT,
        graph,
        say(nl="Wegenwerken als dienst", en="Road works as a service"),
        say(nl="OGC API Features.", en="OGC API Features with planned and running road works."),
        days=16,
        themes=(TRAN,),
    )


def _scenario() -> Record:
    iri = f"{HOMES[GENT]}/scenarios/contributiebrug"
    graph = Graph(iri).add(f"{RDF}type", f"<{HANSA}Scenario>")
    graph.add(
        f"{HANSA}goal",
        say(
            nl="Minder bewoners boven 55 dB zonder meer voertuigverliesuren.",
            en="Fewer residents above 55 dB without more vehicle hours lost.",
        ),
    )
    for role, target in (
        ("network", f"{HOMES[GENT]}/datasets/road-network#v1"),
        ("counts", f"{HOMES[GENT]}/datasets/traffic-counts#v2"),
    ):
        graph.node(f"{HANSA}hasInput", {f"{HANSA}role": role})
        graph.node(f"{HANSA}hasBinding", {f"{HANSA}role": role, f"{HANSA}boundTo": f"<{target}>"})
    for position, used in enumerate(
        (
            f"{HOMES[GENT]}/models/traffic-assignment",
            f"{HOMES[GENT]}/transformations/quarter-to-hour",
            f"{HOMES[PLZEN]}/models/road-noise",
        )
    ):
        graph.node(f"{HANSA}hasStep", {f"{HANSA}position": position + 1, f"{HANSA}uses": f"<{used}>"})
    for name, title, unit in (
        ("vehicleHours", say(nl="Voertuiguren", en="Vehicle hours"), "h"),
        ("residents55", say(nl="Bewoners boven 55 dB Lden", en="Residents above 55 dB Lden"), "1"),
    ):
        graph.node(f"{HANSA}hasIndicator", {f"{DCT}identifier": name, f"{DCT}title": title, f"{QUDT}ucumCode": unit})
    graph.add(f"{HANSA}changes", '[{"op": "update", "id": "seg-31", "set": {"capacity_vph": 0}}]')
    graph.add(f"{PROV}wasDerivedFrom", f"<{HOMES[GENT]}/datasets/road-network>")
    return record(
        iri,
        "scenario",
        GENT,
        graph,
        say(nl="Contributiebrug dicht", en="Contributiebrug closed"),
        say(
            nl="Wat doet het met verkeer en geluid als de Contributiebrug sluit?",
            en="What does closing the Contributiebrug do to traffic and noise?",
        ),
        policy="members",
        days=0.5,
        keywords=("brug", "scenario"),
        themes=(TRAN, ENVI),
    )


def _rulebook() -> Record:
    iri = f"{HOMES[REGION]}/rulebooks/vlaanderen"
    graph = Graph(iri).add(f"{RDF}type", f"<{HANSA}Rulebook>").add(f"{DCAT}version", "3.0")
    graph.add(f"{HANSA}validFrom", ("2026-09-01", "date"))
    graph.add(
        f"{HANSA}text",
        say(
            nl="Leden zijn overheden van Vlaanderen en toegelaten partners.\nWie deelt, beslist wie wat mag.",
            en="Members are public bodies of Flanders and admitted partners.\nWhoever shares decides who may use it.",
        ),
    )
    graph.add(f"{HANSA}governingLaw", say(nl="Belgisch recht", en="Belgian law"))
    graph.add(f"{HANSA}noticePeriod", ("P3M", "duration"))
    for kind, label in (
        ("MembershipCredential", say(nl="Lid", en="Member")),
        ("MobilityPartnerCredential", say(nl="Partner mobiliteit", en="Mobility partner")),
    ):
        graph.node(
            f"{HANSA}hasCredentialType",
            {f"{HANSA}credentialType": kind, f"{SKOS}prefLabel": label, f"{HANSA}issuer": f"<{REGION}>"},
        )
    graph.node(
        f"{HANSA}hasAudience",
        {
            f"{DCT}identifier": "members",
            f"{SKOS}prefLabel": say(nl="Leden", en="Members"),
            f"{HANSA}credentialType": "MembershipCredential",
        },
    )
    return record(
        iri,
        "rulebook",
        REGION,
        graph,
        say(nl="Afsprakenkader mobiliteit Vlaanderen", en="Rulebook of the Flemish mobility data space"),
        say(nl="Wie erbij hoort, wat telt, wat er gebeurt als het misgaat.", en="Who belongs, what counts."),
        policy="open",
        days=80,
    )


LONG_TITLE = (
    "Straßenverkehrslärmschutzverordnungsdurchführungsbestimmungen der Arbeitsgemeinschaft grenzüberschreitender "
    "Großstädte: Fahrbahnoberflächenbeschaffenheitserfassungsergebnisse einschließlich aller Nebenbestimmungen"
)


def _german() -> Record:
    iri = "https://daten.aachen.example/datasets/fahrbahn"
    return record(
        iri,
        "dataset",
        "did:web:daten.aachen.example",
        Graph(iri).add(f"{RDF}type", f"<{DCAT}Dataset>"),
        say(de=LONG_TITLE),
        say(de="Geschwindigkeitsbegrenzungsanordnungen und Oberflächen, straßenabschnittsweise erfasst."),
        policy="members",
        publisher_name="Stadt Aachen",
        days=5,
        themes=(TRAN,),
    )


def _withdrawn() -> list[Record]:
    iri = f"{HOMES[GENT]}/datasets/parking"
    titles = say(nl="Parkeerplaatsen", en="Parking places")
    graph = Graph(iri).add(f"{RDF}type", f"<{DCAT}Dataset>")
    first = record(iri, "dataset", GENT, graph, titles, say(en="Gone."), policy="open", days=60)
    gone = record(iri, "dataset", GENT, Graph(iri), {}, {}, version=2, days=4, withdrawn=True)
    return [first, gone]
