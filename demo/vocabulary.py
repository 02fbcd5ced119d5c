"""The act about meaning: a vocabulary changes and breaks nothing, and a table in other words fits a model."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from demo.nodes import DemoNodes, Member, until
from demo.output import StepOutput
from demo.steps import why
from node.client import Refusal

ONTOLOGY = "mobility-ontology.ttl"
MAPPING = "trips-for-the-model.yaml"
NAMES = {
    "id": "jizdy-pro-model",
    "title": "Trips of Plzeň for Ghent's model",
    "description": "Gives the trips of the peak the names and the unit of Ghent's traffic model.",
}
"""The fields of the draft that a person fills in."""

LABELS = {"ritten": "voertuigritten", "trips": "vehicle trips", "jízdy": "jízdy vozidel"}
"""The labels of the old term, and of the new one."""


def understand(output: StepOutput, nodes: DemoNodes) -> None:
    """8. Gent's vocabulary gets a version that breaks nothing; Plzeň's table fits Gent's model by a mapping."""
    with output.step(8, "Understand: a vocabulary changes without harm, and a table in other words fits a model"):
        until("Gent has Plzeň's schema", lambda: _holds(nodes.gent, f"{nodes.plzen.url}/schemas/spickove-jizdy"))
        until("Plzeň has Gent's schema", lambda: _holds(nodes.plzen, f"{nodes.gent.url}/schemas/trip-table"))
        output.side_by_side(lambda part: _change_vocabulary(part, nodes), lambda part: _fit_table(part, nodes))


def _holds(member: Member, iri: str) -> bool:
    with member.client() as client:
        try:
            return bool(client.record(iri)["version"])
        except Refusal:
            return False


def _change_vocabulary(output: StepOutput, nodes: DemoNodes) -> None:
    """Show what a careless second version of the ontology breaks, and for whom; publish a careful one."""
    gent = nodes.gent
    iri = f"{gent.url}/ontologies/mobility"
    path = nodes.home / "files" / "gent" / ONTOLOGY
    first = path.read_text("utf-8")
    path.write_text(careless(first), "utf-8")
    output.show_command("gent", f"hansa publish {ONTOLOGY}")
    refusal = gent.hansa("publish", str(path), json=False)
    verdict, *errors = refusal.stderr.splitlines()
    # In the order in which a person sees them.
    lines = [verdict, *refusal.stdout.splitlines(), *errors]
    for line in lines:
        output.saw(line.replace(str(path), ONTOLOGY))
    report = "\n".join(lines)
    output.check(
        refusal.returncode == 1 and "vehicleTrips" in report and "quiet area was removed" in report,
        "a second version that renames a term and drops another is refused before it is published",
    )
    user = f"{nodes.plzen.url}/schemas/spickove-jizdy"
    output.check("used by schema" in report and user in report, "it names who uses the term: a schema of Plzeň's")
    output.check("IRI" in report, "and the way out: an address of its own for what breaks")
    with gent.client() as client:
        output.check(client.record(iri)["version"] == 1, "nothing of it was published")
        path.write_text(careful(first), "utf-8")
        output.show_command("gent", f"hansa publish {ONTOLOGY}")
        publication = gent.hansa("publish", str(path))
        output.check(
            publication.returncode == 0 and json.loads(publication.stdout)["version"] == 2,
            "the old term stays, deprecated, beside the new one: version 2 is published"
            + (f": {why(publication)}" if publication.returncode else ""),
        )
        impact = client.changes(iri)["impact"]
    for change in impact["changes"]:
        output.saw(change["text"]["en"])
    output.check(
        impact["verdict"] == "compatible" and impact["since"] == 1,
        f"the difference stays with the version: {len(impact['changes'])} changes, compatible with version 1",
    )


def careless(ontology: str) -> str:
    """Return a second version of the ontology that renames a term and drops another."""
    before, _, rest = ontology.partition(":QuietArea a ")
    dropped = before + ":Intervention a " + rest.partition(":Intervention a ")[2]
    return _as_second(dropped.replace(":trips a ", ":vehicleTrips a "))


def careful(ontology: str) -> str:
    """Return a second version of the ontology that adds a term and keeps the old one, deprecated."""
    before, separator, rest = ontology.partition(":trips a ")
    statement, _, after = rest.partition(" .\n")
    successor = statement
    for label, new_label in LABELS.items():
        successor = successor.replace(f'"{label}"', f'"{new_label}"')
    deprecation = " ;\n    owl:deprecated true ; dct:isReplacedBy :vehicleTrips .\n"
    return _as_second(f"{before}{separator}{statement}{deprecation}:vehicleTrips a {successor} .\n{after}")


def _as_second(ontology: str) -> str:
    return ontology.replace('dcat:version "1.0.0"', 'dcat:version "2.0.0"')


def _fit_table(output: StepOutput, nodes: DemoNodes) -> None:
    """Bind Plzeň's table to Gent's model by a mapping that the node drafts and a person corrects."""
    plzen = nodes.plzen
    folder = nodes.home / "files" / "plzen"
    target = f"{nodes.gent.url}/schemas/trip-table"
    path = folder / MAPPING
    output.show_command("plzen", f"hansa mapping schema/spickove-jizdy {target} --output {MAPPING}")
    ran = plzen.hansa("mapping", "schema/spickove-jizdy", target, "--output", str(path))
    output.check(ran.returncode == 0, f"the node drafts a mapping{': ' + why(ran) if ran.returncode else ''}")
    draft = json.loads(ran.stdout)
    for column in draft["columns"]:
        reasons = " ".join(reason["text"] for reason in column["reasons"])
        output.saw(f"{column['name']} ← {column['rule']['rename']}: {reasons}")
    output.check(draft["covers"], f"it fills all {len(draft['columns'])} columns that Gent's model reads")
    before, after = _correct(path)
    output.show_click("plzen", f"{MAPPING}: {before} → {after}")
    output.show_command("plzen", f"hansa publish {MAPPING} peak-scenario.yaml --conditions open")
    publication = plzen.hansa("publish", str(path), str(folder / "peak-scenario.yaml"), "--conditions", "open")
    output.check(
        publication.returncode == 0,
        "a person corrects one line, the node of the destination in place of its district, and publishes it"
        + (f": {why(publication)}" if publication.returncode else ""),
    )
    output.show_command("plzen", "hansa run check peak-run.yaml")
    binding = str(folder / "peak-run.yaml")
    verdict = plzen.hansa("run", "check", binding, json=False)
    report = verdict.stdout + verdict.stderr
    for line in report.splitlines():
        output.saw(line.rstrip())
    output.check(verdict.returncode == 0 and "everything fits" in report, "the check before the run: everything fits")
    output.show_command("plzen", "hansa run start peak-run.yaml")
    started = plzen.hansa("run", "start", binding)
    output.check(started.returncode == 0, f"the run is done{': ' + why(started) if started.returncode else ''}")
    _verify(output, nodes, json.loads(started.stdout))


def _correct(path: Path) -> tuple[str, str]:
    """Fill in the names of the draft, and correct the line of the destination; return it before and after."""
    draft = path.read_text("utf-8")
    for name, text in NAMES.items():
        draft = draft.replace(f"{name}: ''", f"{name}: {text}", 1)
    correction = draft.replace("rename: cil_obvod", "rename: cil_uzel")
    path.write_text(correction, "utf-8")
    ((before, after),) = [
        (old.strip(), new.strip())
        for old, new in zip(draft.splitlines(), correction.splitlines(), strict=True)
        if old != new
    ]
    return before, after


def _verify(output: StepOutput, nodes: DemoNodes, run: dict[str, Any]) -> None:
    """Check that Gent's model has computed with Plzeň's figures, in its own unit."""
    with nodes.plzen.client() as client:
        rows = json.loads(client.scenarios.output(run["pid"], "after", "mapped.trips"))
    with (nodes.home / "files" / "plzen" / "peak-trips.csv").open(encoding="utf-8", newline="") as file:
        counted = sum(int(row["jizdy_15min"]) for row in csv.DictReader(file))
    hourly = sum(row["trips_per_hour"] for row in rows)
    output.check(hourly == 4 * counted, f"{counted:,} vehicles in a quarter of an hour are {hourly:,.0f} an hour")
    caveats = [caveat for caveat in run["caveats"] if caveat["code"] == "unserved-trips"]
    assign = next(step for step in run["steps"] if step["name"] == "assign")
    (indicator,) = run["indicators"]
    output.check(
        assign["agreement"] and not caveats,
        f"Gent's model served all of them, under contract: {indicator['after']:,.0f} vehicle-hours a day",
    )
