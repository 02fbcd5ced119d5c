"""The acts of the scenarios: a city decides with its model on another city's data, and others repeat the analysis."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from demo.acts import published, why
from demo.cast import Cast, Member, until
from demo.stage import Stage, first_line

SCENARIO = "scenario/contributiebrug-dicht"
RECEPTORS = 40
HOURLY = "  - name: hourly\n"
NOISE = "  - name: noise\n"


def decide(stage: Stage, cast: Cast) -> str:
    """6. Gent closes a bridge on paper. Return the pid of its run."""
    gent = cast.gent
    with stage.step(6, "Decide: what happens to traffic and noise when the bridge closes?"):
        _refused_by_units(stage, cast)
        published(stage, gent, "gent", ("bridge-scenario.yaml",))
        layer = _layer(stage, gent, "gent", "bridge-closed.yaml")
        stage.typed("gent", f"hansa run start bridge-run.yaml --layer {layer['id']}")
        run = _ran(stage, gent, "start", str(_file(cast, "gent", "bridge-run.yaml")), "--layer", layer["id"])
        _same_data(stage, cast, layer)
        figures = {indicator["name"]: indicator for indicator in run["indicators"]}
        for one in figures.values():
            stage.saw(f"{one['name']}: {one['before']:,.0f} → {one['after']:,.0f} {one['unit']}")
        stage.check(
            figures["vehicleHours"]["after"] > figures["vehicleHours"]["before"],
            "the detour costs time: vehicle-hours rise",
        )
        noise = next(step for step in run["steps"] if step["name"] == "noise")
        stage.check(noise["agreement"], "M2 ran at Plzeň, under the agreement that a person there approved")
        outside = [caveat for caveat in run["caveats"] if caveat["step"] == "noise"]
        stage.check(outside, f"M2 warns: {outside[0]['sentence'] if outside else ''}")
        _published(stage, cast, run)
        return str(run["pid"])


def _refused_by_units(stage: Stage, cast: Cast) -> None:
    """Show that a draft is refused: it feeds quarter-hours to the noise model, which reads hours."""
    path = _file(cast, "gent", "bridge-scenario.yaml")
    whole = path.read_text("utf-8")
    before, _, rest = whole.partition(HOURLY)
    draft = before + NOISE + rest.partition(NOISE)[2].replace("flows: hourly.flows", "flows: assign.flows")
    path.write_text(draft, "utf-8")
    try:
        published(stage, cast.gent, "gent", ("bridge-scenario.yaml",))
    finally:
        path.write_text(whole, "utf-8")
    stage.typed("gent", "hansa run check bridge-run.yaml")
    checked = cast.gent.hansa("run", "check", str(_file(cast, "gent", "bridge-run.yaml")))
    report = json.loads(checked.stdout) if checked.stdout else {"findings": []}
    units = [
        finding for finding in report["findings"] if finding["code"].startswith("unit") or "step" in finding["code"]
    ]
    for finding in report["findings"]:
        stage.saw(finding["sentence"])
    stage.check(checked.returncode == 1 and units, "units and time steps do not agree: nothing is run")
    mends = {iri for finding in report["findings"] for iri in finding.get("mends", ())}
    wanted = f"{cast.gent.url}/transformations/quarter-hours-to-hourly-flows"
    stage.check(wanted in mends, "the report names the transformation in the catalogue that mends it")


def _layer(stage: Stage, member: Member, folder: str, name: str) -> dict[str, Any]:
    stage.typed(member.key, f"hansa layer save {name}")
    kept = _hansa(member, "layer", "save", str(member.home / "files" / folder / name))
    stage.check(kept["operations"], f"kept as a change layer, with author and reason: {kept['reason']}")
    return kept


def _same_data(stage: Stage, cast: Cast, layer: dict[str, Any]) -> None:
    with cast.gent.client() as client:
        record = client.record(layer["target"])
    shas = {file["name"]: file["sha256"] for file in record["files"]}
    stage.check(shas[layer["file"]] == layer["target_sha256"], "the network itself was not touched")


def _published(stage: Stage, cast: Cast, run: dict[str, Any]) -> None:
    gent = cast.gent
    pid = run["pid"][-8:]
    stage.typed("gent", f"hansa run publish {pid} --id bridge-closed-noise --conditions open")
    freer = gent.hansa("run", "publish", run["pid"], "--id", "bridge-closed-noise", "--conditions", "open")
    told = freer.stderr + freer.stdout
    stage.check(freer.returncode == 1, f"the result may not be freer than its inputs: {first_line(told)}")
    stage.typed("gent", f"hansa run publish {pid} --id bridge-closed-noise")
    asset = _hansa(gent, "run", "publish", run["pid"], "--id", "bridge-closed-noise")
    query = (
        "PREFIX prov: <http://www.w3.org/ns/prov#> SELECT DISTINCT ?used WHERE { "
        f"<{asset['iri']}> prov:wasGeneratedBy/prov:used ?used }}"
    )
    answer = until("the result is in the graph", lambda: _rows(gent, query))
    used = {row["used"]["value"] for row in answer}
    model = f"{cast.plzen.url}/models/road-noise"
    stage.check(
        any(one.startswith(model) for one in used),
        f"published with its provenance: {len(used)} things it was made of",
    )
    crate = cast.home / "run.crate.zip"
    _hansa(gent, "run", "crate", run["pid"], "--output", str(crate))
    stage.check(crate.stat().st_size > 1000, "and as an RO-Crate that a stranger can open")


def reuse(stage: Stage, cast: Cast) -> None:
    """7. Plzeň binds Gent's template to its own data, and lets a model run on data that do not leave the city."""
    gent, plzen = cast.gent, cast.plzen
    with stage.step(7, "Reuse: Plzeň asks the same question of its own streets"):
        model = f"{gent.url}/models/traffic-assignment"
        stage.typed("plzen", f"hansa get {model} --agree-only")
        agreed = plzen.hansa("get", model, "--yes", "--agree-only")
        stage.check(
            agreed.returncode == 0,
            f"Plzeň may have Gent's traffic model run: {why(agreed) if agreed.returncode else 'members may'}",
        )
        layer = _layer(stage, plzen, "plzen", "quiet-streets.yaml")
        stage.typed("plzen", f"hansa run start quiet-zone-run.yaml --layer {layer['id']}")
        run = _ran(stage, plzen, "start", str(_file(cast, "plzen", "quiet-zone-run.yaml")), "--layer", layer["id"])
        assign = next(step for step in run["steps"] if step["name"] == "assign")
        stage.check(assign["agreement"], "Gent's traffic model was called at Gent, under contract")
        for indicator in run["indicators"]:
            stage.saw(
                f"{indicator['name']}: {indicator['before']:,.0f} → {indicator['after']:,.0f} {indicator['unit']}"
            )
        _in_place(stage, cast)
    del gent


def _in_place(stage: Stage, cast: Cast) -> None:
    """Let Gent run Plzeň's model on Plzeň's receptors, which only this model may read, where they are."""
    gent, plzen = cast.gent, cast.plzen
    receptors = f"{plzen.url}/datasets/noise-receptors"
    stage.typed("gent", f"hansa get {receptors} --agree-only")
    agreed = gent.hansa("get", receptors, "--yes", "--agree-only")
    stage.check(
        agreed.returncode == 0,
        "Gent agrees to the terms of Plzeň's receptors: only that model, where they are, ten residents or more"
        + (f": {why(agreed)}" if agreed.returncode else ""),
    )
    fetched = gent.hansa("get", receptors, "--yes", "--output", str(cast.home / "receptors.geojson"))
    stage.check(
        fetched.returncode != 0, f"the data themselves are refused: {first_line(fetched.stderr + fetched.stdout)}"
    )
    stage.typed("gent", "hansa run start plzen-in-place.yaml")
    run = _ran(stage, gent, "start", str(_file(cast, "gent", "plzen-in-place.yaml")))
    with gent.client() as client:
        levels = json.loads(client.scenarios.output(run["pid"], "after", "noise.levels"))
    fewest, counted = (
        min(level["residents"] for level in levels),
        " ".join(caveat["sentence"] for caveat in run["caveats"]),
    )
    stage.saw(counted)
    stage.check(
        fewest >= 10 and len(levels) < RECEPTORS,
        f"the model visited the data: {len(levels)} of {RECEPTORS} levels came out, those of ten residents or more",
    )
    stage.typed("plzen", "hansa run start plzen-in-place.yaml")
    same = _ran(stage, plzen, "start", str(_file(cast, "gent", "plzen-in-place.yaml")))
    stage.check(
        (same["key"], same["result"]) == (run["key"], run["result"]),
        f"the same binding gives the identical result at another node: {same['result'][:12]}…",
    )


def _ran(stage: Stage, member: Member, *arguments: str) -> dict[str, Any]:
    ran = member.hansa("run", *arguments)
    stage.check(ran.returncode == 0, f"the run is done{'' if ran.returncode == 0 else ': ' + why(ran)}")
    return dict(json.loads(ran.stdout))


def _hansa(member: Member, *arguments: str) -> dict[str, Any]:
    ran = member.hansa(*arguments)
    if ran.returncode != 0:
        raise RuntimeError(f"hansa {' '.join(arguments[:2])} failed: {why(ran)}")
    return dict(json.loads(ran.stdout))


def _rows(member: Member, query: str) -> list[dict[str, Any]]:
    answer: subprocess.CompletedProcess[str] = member.hansa("sparql", query, "--accept", "json")
    return list(json.loads(answer.stdout)["results"]["bindings"]) if answer.returncode == 0 else []


def _file(cast: Cast, folder: str, name: str) -> Path:
    return cast.home / "files" / folder / name
