"""The acts of the scenarios: a city decides with its model on another city's data, and others repeat the analysis."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from demo.nodes import DemoNodes, Member, until
from demo.output import StepOutput, first_line
from demo.steps import publish_all, why

SCENARIO = "scenario/contributiebrug-dicht"
RECEPTORS = 40
HOURLY = "  - name: hourly\n"
NOISE = "  - name: noise\n"


def decide(output: StepOutput, nodes: DemoNodes) -> str:
    """6. Gent closes a bridge on paper. Return the pid of its run."""
    gent = nodes.gent
    with output.step(6, "Decide: what happens to traffic and noise when the bridge closes?"):
        _refused_by_units(output, nodes)
        publish_all(output, gent, "gent", ("bridge-scenario.yaml",))
        layer = _layer(output, gent, "gent", "bridge-closed.yaml")
        output.show_command("gent", f"hansa run start bridge-run.yaml --layer {layer['id']}")
        run = _ran(output, gent, "start", str(_file(nodes, "gent", "bridge-run.yaml")), "--layer", layer["id"])
        _same_data(output, nodes, layer)
        figures = {indicator["name"]: indicator for indicator in run["indicators"]}
        for one in figures.values():
            output.saw(f"{one['name']}: {one['before']:,.0f} → {one['after']:,.0f} {one['unit']}")
        output.check(
            figures["vehicleHours"]["after"] > figures["vehicleHours"]["before"],
            "the detour costs time: vehicle-hours rise",
        )
        noise = next(step for step in run["steps"] if step["name"] == "noise")
        output.check(noise["agreement"], "M2 ran at Plzeň, under the agreement that a person there approved")
        outside = [caveat for caveat in run["caveats"] if caveat["step"] == "noise"]
        output.check(outside, f"M2 warns: {outside[0]['sentence'] if outside else ''}")
        _publish(output, nodes, run)
        return str(run["pid"])


def _refused_by_units(output: StepOutput, nodes: DemoNodes) -> None:
    """Show that a draft is refused: it feeds quarter-hours to the noise model, which reads hours."""
    path = _file(nodes, "gent", "bridge-scenario.yaml")
    whole = path.read_text("utf-8")
    before, _, rest = whole.partition(HOURLY)
    draft = before + NOISE + rest.partition(NOISE)[2].replace("flows: hourly.flows", "flows: assign.flows")
    path.write_text(draft, "utf-8")
    try:
        publish_all(output, nodes.gent, "gent", ("bridge-scenario.yaml",))
    finally:
        path.write_text(whole, "utf-8")
    output.show_command("gent", "hansa run check bridge-run.yaml")
    check = nodes.gent.hansa("run", "check", str(_file(nodes, "gent", "bridge-run.yaml")))
    report = json.loads(check.stdout) if check.stdout else {"findings": []}
    units = [
        finding for finding in report["findings"] if finding["code"].startswith("unit") or "step" in finding["code"]
    ]
    for finding in report["findings"]:
        output.saw(finding["sentence"])
    output.check(check.returncode == 1 and units, "units and time steps do not agree: nothing is run")
    fitting = {iri for finding in report["findings"] for iri in finding.get("transformations", ())}
    wanted = f"{nodes.gent.url}/transformations/quarter-hours-to-hourly-flows"
    output.check(wanted in fitting, "the report names the transformation in the catalogue that makes it fit")


def _layer(output: StepOutput, member: Member, folder: str, name: str) -> dict[str, Any]:
    output.show_command(member.key, f"hansa layer save {name}")
    kept = _hansa(member, "layer", "save", str(member.home / "files" / folder / name))
    output.check(kept["operations"], f"kept as a change layer, with author and reason: {kept['reason']}")
    return kept


def _same_data(output: StepOutput, nodes: DemoNodes, layer: dict[str, Any]) -> None:
    with nodes.gent.client() as client:
        record = client.record(layer["target"])
    shas = {file["name"]: file["sha256"] for file in record["files"]}
    output.check(shas[layer["file"]] == layer["target_sha256"], "the network itself was not touched")


def _publish(output: StepOutput, nodes: DemoNodes, run: dict[str, Any]) -> None:
    gent = nodes.gent
    pid = run["pid"][-8:]
    output.show_command("gent", f"hansa run publish {pid} --id bridge-closed-noise --conditions open")
    freer = gent.hansa("run", "publish", run["pid"], "--id", "bridge-closed-noise", "--conditions", "open")
    told = freer.stderr + freer.stdout
    output.check(freer.returncode == 1, f"the result may not be freer than its inputs: {first_line(told)}")
    output.show_command("gent", f"hansa run publish {pid} --id bridge-closed-noise")
    asset = _hansa(gent, "run", "publish", run["pid"], "--id", "bridge-closed-noise")
    query = (
        "PREFIX prov: <http://www.w3.org/ns/prov#> SELECT DISTINCT ?used WHERE { "
        f"<{asset['iri']}> prov:wasGeneratedBy/prov:used ?used }}"
    )
    answer = until("the result is in the graph", lambda: _rows(gent, query))
    iris = {row["used"]["value"] for row in answer}
    model = f"{nodes.plzen.url}/models/road-noise"
    output.check(
        any(one.startswith(model) for one in iris),
        f"published with its provenance: {len(iris)} things it was made of",
    )
    crate = nodes.home / "run.crate.zip"
    _hansa(gent, "run", "crate", run["pid"], "--output", str(crate))
    output.check(crate.stat().st_size > 1000, "and as an RO-Crate that a stranger can open")


def reuse(output: StepOutput, nodes: DemoNodes) -> None:
    """7. Plzeň binds Gent's template to its own data, and lets a model run on data that do not leave the city."""
    gent, plzen = nodes.gent, nodes.plzen
    with output.step(7, "Reuse: Plzeň asks the same question of its own streets"):
        model = f"{gent.url}/models/traffic-assignment"
        output.show_command("plzen", f"hansa get {model} --agree-only")
        agreement = plzen.hansa("get", model, "--yes", "--agree-only")
        output.check(
            agreement.returncode == 0,
            f"Plzeň may have Gent's traffic model run: {why(agreement) if agreement.returncode else 'members may'}",
        )
        layer = _layer(output, plzen, "plzen", "quiet-streets.yaml")
        output.show_command("plzen", f"hansa run start quiet-zone-run.yaml --layer {layer['id']}")
        run = _ran(output, plzen, "start", str(_file(nodes, "plzen", "quiet-zone-run.yaml")), "--layer", layer["id"])
        assign = next(step for step in run["steps"] if step["name"] == "assign")
        output.check(assign["agreement"], "Gent's traffic model was called at Gent, under contract")
        for indicator in run["indicators"]:
            output.saw(
                f"{indicator['name']}: {indicator['before']:,.0f} → {indicator['after']:,.0f} {indicator['unit']}"
            )
        _in_place(output, nodes)
    del gent


def _in_place(output: StepOutput, nodes: DemoNodes) -> None:
    """Let Gent run Plzeň's model on Plzeň's receptors, which only this model may read, where they are."""
    gent, plzen = nodes.gent, nodes.plzen
    receptors = f"{plzen.url}/datasets/noise-receptors"
    output.show_command("gent", f"hansa get {receptors} --agree-only")
    agreement = gent.hansa("get", receptors, "--yes", "--agree-only")
    output.check(
        agreement.returncode == 0,
        "Gent agrees to the terms of Plzeň's receptors: only that model, where they are, ten residents or more"
        + (f": {why(agreement)}" if agreement.returncode else ""),
    )
    fetched = gent.hansa("get", receptors, "--yes", "--output", str(nodes.home / "receptors.geojson"))
    output.check(
        fetched.returncode != 0, f"the data themselves are refused: {first_line(fetched.stderr + fetched.stdout)}"
    )
    output.show_command("gent", "hansa run start plzen-in-place.yaml")
    run = _ran(output, gent, "start", str(_file(nodes, "gent", "plzen-in-place.yaml")))
    with gent.client() as client:
        levels = json.loads(client.scenarios.output(run["pid"], "after", "noise.levels"))
    fewest, highest = (
        min(level["residents"] for level in levels),
        " ".join(caveat["sentence"] for caveat in run["caveats"]),
    )
    output.saw(highest)
    output.check(
        fewest >= 10 and len(levels) < RECEPTORS,
        f"the model visited the data: {len(levels)} of {RECEPTORS} levels came out, those of ten residents or more",
    )
    output.show_command("plzen", "hansa run start plzen-in-place.yaml")
    same = _ran(output, plzen, "start", str(_file(nodes, "gent", "plzen-in-place.yaml")))
    output.check(
        (same["key"], same["result"]) == (run["key"], run["result"]),
        f"the same binding gives the identical result at another node: {same['result'][:12]}…",
    )


def _ran(output: StepOutput, member: Member, *arguments: str) -> dict[str, Any]:
    ran = member.hansa("run", *arguments)
    output.check(ran.returncode == 0, f"the run is done{'' if ran.returncode == 0 else ': ' + why(ran)}")
    return dict(json.loads(ran.stdout))


def _hansa(member: Member, *arguments: str) -> dict[str, Any]:
    ran = member.hansa(*arguments)
    if ran.returncode != 0:
        raise RuntimeError(f"hansa {' '.join(arguments[:2])} failed: {why(ran)}")
    return dict(json.loads(ran.stdout))


def _rows(member: Member, query: str) -> list[dict[str, Any]]:
    answer: subprocess.CompletedProcess[str] = member.hansa("sparql", query, "--accept", "json")
    return list(json.loads(answer.stdout)["results"]["bindings"]) if answer.returncode == 0 else []


def _file(nodes: DemoNodes, folder: str, name: str) -> Path:
    return nodes.home / "files" / folder / name
