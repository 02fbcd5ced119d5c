"""A good description of every kind as a steward writes it, and what breaks when a piece of it is missing."""

from __future__ import annotations

from node.semantics.model import Submission
from tests.unit.semantics.descriptions import fields, file

MODEL = """
kind: model
id: road-noise
title: {cs: Hluk ze silnic, en: Road noise}
description: {cs: Ilustrativní výpočet}
version: 1.0.0
method: Emission after RLS-90, geometric spreading
parameters:
  - {name: demandFactor, unit: "1", default: 1.0, min: 0, max: 2}
  - {name: closedSegments, default: [], description: {nl: gesloten segmenten}}
  - {name: period, default: day, values: [day, evening, night]}
inputs:
  - role: flows
    schema: schemas/traffic-hour
    variables:
      - {name: light, unit: "{veh}/h", min: 0}
      - {name: speed, unit: km/h, min: 30, max: 130}
  - {role: receptors, schema: schemas/noise-receptor, crs: EPSG:5514}
outputs: [{role: noise, unit: "dB[SPL]", decimals: 1}]
validity: {text: cars 30-130 km/h, spatial: Plzeň}
intended_use: Comparing plans
limits: Not for single houses
guideline: Run for whole streets
owner: Odbor dopravy
risk: {description: Wrong choice between plans, level: low}
calibration: {text: Against 12 points, dataset: datasets/noise-measurements, date: 2025-06-01, value: 1.4}
resolution: {time: PT1H, space: 5}
endpoint: https://noise.plzen.example/processes/road-noise
deterministic: true
contact: {name: Modely, email: modely@plzen.example}
conditions: run-not-copy
"""

KIND_TEXTS = {
    "model": MODEL,
    "schema": """
kind: schema
id: traffic-flow
title: TrafficFlowObserved
description: Flow at a point
version: 2
describes: ontologies/mobility#TrafficFlow
definition: {type: object, properties: {intensity: {type: integer}}}
license: CC0
""",
    "transformation": """
kind: transformation
id: quarter-to-hour
title: Quarter hours to hours
description: Light and heavy by day, evening and night
language: column mapping
from: schemas/traffic-quarter-hour
to: schemas/traffic-hour
definition: {group_by: [segment, hour]}
""",
    "scenario": """
kind: scenario
id: bridge-closed
title: {nl: Contributiebrug dicht}
description: {nl: Wat als de brug dicht gaat}
goal: {nl: Minder inwoners boven 55 dB}
inputs: [{role: network, schema: schemas/road-network}]
parameters: [{name: demandFactor, unit: "1", default: 1}]
indicators: [{name: vehicleHours, unit: h, better: lower}]
chain: [models/traffic-assignment, {uses: transformations/q, inputs: {flows: traffic.flows}}, models/road-noise]
bindings: {network: "datasets/road-network#v3"}
changes: [{layer: closure, set: {capacity: 0}}]
""",
    "rulebook": """
kind: rulebook
id: rulebook
title: Rulebook of Flanders
description: Who belongs and what counts
version: "1.0"
valid_from: 2026-12-01
contact: {name: Secretariat, email: regels@vlaanderen.example}
purposes: [{name: mobility-planning, label: {nl: Mobiliteitsplanning}}, {iri: "https://w3id.org/dpv#X", label: X}]
audiences: [{name: members, credentials: MembershipCredential, label: Members}]
credentials: [{type: MembershipCredential, issuers: ["did:web:vlaanderen.example"]}]
templates: [members, mobility-partners]
law: Belgian law
text: The rules.
""",
    "service": """
kind: service
id: broker
title: Context broker
description: NGSI-LD
endpoint: https://ngsi.gent.example/ngsi-ld/v1
endpoint_description: https://ngsi.gent.example/openapi.json
protocol: https://uri.etsi.org/ngsi-ld
serves: [datasets/traffic-counts]
license: CC-BY-4.0
""",
    "ontology": """
kind: ontology
id: mobility
title: {nl: Mobiliteit, cs: Mobilita}
description: {nl: Termen}
version: "1.0"
namespace: https://data.gent.example/ns/mobility#
prefix: mob
license: CC-BY-4.0
files: [{name: mobility.ttl, open: true}]
""",
}

# kind, what is taken away or put instead, the rules that are broken then
BROKEN = [
    ("model", "method: Emission after RLS-90, geometric spreading", "", {"method-required"}),
    ("model", "intended_use: Comparing plans", "", {"use-required"}),
    ("model", "limits: Not for single houses", "", {"limits-required"}),
    ("model", "version: 1.0.0", "", {"version-required"}),
    ("model", 'unit: "1", default: 1.0', "default: 1.0", {"Parameter"}),
    ("model", "min: 0, max: 2", "min: 3, max: 2", {"range-in-order"}),
    ("model", '{role: noise, unit: "dB[SPL]", decimals: 1}', "{role: noise}", {"Port"}),
    ("model", '{role: noise, unit: "dB[SPL]", decimals: 1}', '{unit: "dB[SPL]"}', {"role-required"}),
    ("model", 'outputs: [{role: noise, unit: "dB[SPL]", decimals: 1}]', "", {"output-required"}),
    ("model", "{description: Wrong choice between plans, level: low}", "{level: low}", {"risk-description-required"}),
    ("model", "level: low", "level: tiny", {"field:not-a-code"}),
    ("schema", "definition: {type: object, properties: {intensity: {type: integer}}}", "", {"Schema"}),
    ("schema", "version: 2", "", {"version-required"}),
    ("transformation", "language: column mapping", "", {"language-required"}),
    ("transformation", "language: column mapping", "language: perl", {"field:not-a-code", "language-required"}),
    ("transformation", "from: schemas/traffic-quarter-hour", "", {"from-required"}),
    ("transformation", "to: schemas/traffic-hour", "", {"to-required"}),
    ("transformation", "definition: {group_by: [segment, hour]}", "", {"Transformation"}),
    ("scenario", "goal: {nl: Minder inwoners boven 55 dB}", "", {"goal-required"}),
    ("scenario", "inputs: [{role: network, schema: schemas/road-network}]", "", {"Fed"}),
    ("scenario", "indicators: [{name: vehicleHours, unit: h, better: lower}]", "", {"Measured"}),
    ("scenario", "unit: h, better", "better", {"indicator-unit-required"}),
    ("scenario", "{uses: transformations/q, ", "{", {"step-uses-required"}),
    ("scenario", '{network: "datasets/road-network#v3"}', "{network: not a link}", {"field:wrong-type"}),
    ("rulebook", "valid_from: 2026-12-01", "", {"validFrom-required"}),
    ("rulebook", "valid_from: 2026-12-01", "valid_from: 2026", {"validFrom-required"}),
    ("rulebook", ', issuers: ["did:web:vlaanderen.example"]', "", {"issuer-required"}),
    ("rulebook", ", credentials: MembershipCredential", "", {"audience-credential-required"}),
    ("rulebook", "contact: {name: Secretariat, email: regels@vlaanderen.example}", "", {"contact-required"}),
    ("service", "endpoint: https://ngsi.gent.example/ngsi-ld/v1", "", {"endpointURL-required"}),
    ("ontology", 'version: "1.0"', "", {"version-required"}),
    ("ontology", "license: CC-BY-4.0", "", {"Licensed"}),
]


def submission(kind: str, text: str = "") -> Submission:
    files = (file("mobility.ttl", "text/turtle"),) if kind == "ontology" else ()
    return Submission(fields=fields(text or KIND_TEXTS[kind]), files=files)
