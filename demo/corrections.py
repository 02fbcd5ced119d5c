"""The acts about time: corrected data leave earlier results unchanged; withdrawn rights take effect."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx2

from demo.nodes import DemoNodes, until
from demo.output import StepOutput, first_line
from demo.steps import after_a_moment, publish_all, why


def go_back(output: StepOutput, nodes: DemoNodes, pid: str) -> None:
    """9. Gent corrects its data; the pinned run gives the same result as before."""
    gent = nodes.gent
    with output.step(9, "Go back in time: data are corrected, and the result stays explainable"):
        before = after_a_moment()
        counts, network = f"{gent.url}/datasets/traffic-counts", f"{gent.url}/datasets/road-network"
        _correct(nodes)
        publish_all(output, gent, "gent", ("traffic-counts.yaml", "road-network.yaml"))
        with gent.client() as client:
            now, then = client.record(counts), client.record(counts, as_of=before)
        output.check(
            (now["version"], then["version"]) == (2, 1),
            f"the broken sensor is corrected: version 2; as of {before} it was version 1",
        )
        began = time.monotonic()
        until("the region sees version 2", lambda: _version_at(nodes, counts) == 2)
        output.check(True, f"the region saw it after {time.monotonic() - began:.1f} s")
        with gent.client() as client:
            first = client.scenarios.run(pid)
        output.show_command("gent", f"hansa run again {pid[-8:]}")
        again = json.loads(gent.hansa("run", "again", pid).stdout)
        output.check(
            again["result"] == first["result"] and first["result"],
            f"the bridge scenario, pinned, gives the identical result: {first['result'][:12]}…",
        )
        newest = json.loads(
            gent.hansa("run", "start", str(nodes.home / "files" / "gent" / "bridge-run.yaml"), *_layers(first)).stdout
        )
        bound = newest["binding"]["inputs"]["network"]["version"], first["binding"]["inputs"]["network"]["version"]
        output.check(
            newest["result"] != first["result"] and bound[0] > bound[1],
            f"bound anew, to version {bound[0]} of the network, it gives another: {newest['result'][:12]}…",
        )
        del network


def _layers(run: dict[str, Any]) -> tuple[str, ...]:
    return tuple(word for sha256 in run["binding"]["layers"] for word in ("--layer", sha256))


def _version_at(nodes: DemoNodes, iri: str) -> int:
    answer = httpx2.get(f"{nodes.vlaanderen.url}/api/catalogue/record", params={"iri": iri}, timeout=10)
    return int(answer.json()["version"]) if answer.status_code == 200 else 0


def _correct(nodes: DemoNodes) -> None:
    """Correct the sensor that counted too much, and a capacity with a typing error."""
    folder = nodes.home / "files" / "gent"
    counts = folder / "traffic-counts.csv"
    new_file = counts.with_suffix(".new")
    with counts.open(encoding="utf-8", newline="") as old, new_file.open("w", encoding="utf-8", newline="") as new:
        for line in old:
            new.write(_without_excess(line) if line.endswith(",suspect\n") else line)
    new_file.replace(counts)
    network = folder / "road-network.geojson"
    document = json.loads(network.read_text("utf-8"))
    document["features"][9]["properties"]["capacity_vph"] = 1500
    network.write_text(json.dumps(document, indent=1), "utf-8")


def _without_excess(line: str) -> str:
    """Return a row with corrected counts, for the sensor that counted three vehicles for one."""
    cells = line.rstrip("\n").split(",")
    cells[5], cells[8] = str(int(cells[5]) // 3), "ok"
    return ",".join(cells) + "\n"


def revoke(output: StepOutput, nodes: DemoNodes) -> None:
    """11. A credential is revoked; the next read is refused, and both sides show the reason and the time."""
    region, gent, brugge = nodes.vlaanderen, nodes.gent, nodes.brugge
    iri = f"{gent.url}/datasets/traffic-counts"
    with output.step(11, "Revoke: Brugge's mobility partnership ends, and the next read is refused"):
        with brugge.client() as client:
            agreement_held = next(agreement for agreement in client.agreements() if agreement["dataset"] == iri)
            pid = client.transfer(agreement_held["id"])["pid"]
            until("a new transfer under the same agreement runs", lambda: _has_bytes(client, pid))
            output.check(True, "Brugge receives under the agreement that it has")
        with region.client() as office:
            credential = next(
                one
                for one in office.issued_credentials()
                if one["holder"] == brugge.did and one["type"] == "MobilityPartnerCredential"
            )
            output.show_click(region.key, "Issued credentials: Stad Brugge, mobility partner: revoke")
            office.revoke(credential["id"], "the partnership has ended")
        refusal = until("the next read is refused", lambda: _find_failure(nodes, pid), seconds=40)
        output.saw(f"Brugge is told: {refusal['error']}")
        output.check(
            "revoked" in json.dumps(refusal).lower(), "Brugge sees that its credential was revoked, and since when"
        )
        with gent.client() as client:
            accesses = client.agreement(agreement_held["id"])["accesses"]
        last = [access for access in accesses if access.get("outcome") == "refused"]
        output.check(
            last and "revoked" in json.dumps(last).lower(), "Gent's ledger has the refusal with the same reason"
        )
        since = _since(last)
        output.check(since, f"since {since}")
        output.show_command("brugge", f"hansa get {iri}")
        again = brugge.hansa("get", iri, "--yes", json=False)
        output.check(again.returncode == 1, f"asked again, it is refused: {first_line(why(again))}")


def _has_bytes(client: Any, pid: str) -> bool:
    reception = client.transfer_state(pid).get("reception")
    return bool(reception and reception["received"] > 0)


def _find_failure(nodes: DemoNodes, pid: str) -> dict[str, Any] | None:
    """Return the reception once it has failed; None before."""
    with nodes.brugge.client() as client:
        state = client.transfer_state(pid)
        reception = state.get("reception") or {}
        if reception.get("state") == "failed":
            return dict(reception)
    return None


def _since(accesses: list[dict[str, Any]]) -> str:
    for access in accesses:
        for reason in access.get("reasons", ()):
            if reason.get("since"):
                return str(reason["since"])
    return ""
