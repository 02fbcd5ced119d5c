"""The steps of the demonstration. Each uses the same API and command line as people do, and checks the results."""

from __future__ import annotations

import json
import math
import subprocess
import time
from typing import Any

import httpx2

from demo.counters import Counters
from demo.nodes import HANSA, DemoNodes, Member, until
from demo.output import StepOutput
from demo.output import size as bytes_in_words
from node.client import Refusal

GENT_FILES = (
    "traffic-flow-schema.yaml",
    "segment-flow-schema.yaml",
    "hourly-flow-schema.yaml",
    "trip-table-schema.yaml",
    "mobility-ontology.ttl",
    "traffic-counts.yaml",
    "traffic-counts-sample.yaml",
    "road-network.yaml",
    "noise-receptors.yaml",
    "traffic-model.yaml",
    "hourly-flows.yaml",
    "bridge-scenario.yaml",
    "sparql-service.ttl",
    "counter-observation-schema.yaml",
    "segment-sum-schema.yaml",
    "segment-sums.yaml",
    "live-counters.yaml",
    "live-scenario.yaml",
)
PLZEN_FILES = (
    "road-network.yaml",
    "road-noise.yaml",
    "noise-receptors.yaml",
    "quiet-zone-scenario.yaml",
    "peak-trips-schema.yaml",
    "peak-trips.yaml",
)
KINDS = {"dataset", "service", "model", "ontology", "schema", "transformation", "scenario", "rulebook"}
KILL_AT = 0.4


def publish_all(
    output: StepOutput, member: Member, folder: str, names: tuple[str, ...], *options: str
) -> list[dict[str, Any]]:
    output.show_command(member.key, f"hansa publish {' '.join(names)} {' '.join(options)}".rstrip())
    files = [str(member.home / "files" / folder / name) for name in names]
    ran = member.hansa("publish", *files, *options)
    output.check(
        ran.returncode == 0,
        f"{member.name} published {len(names)}: {why(ran) if ran.returncode else 'all accepted'}",
    )
    found = json.loads(ran.stdout)
    return found if isinstance(found, list) else [found]


def why(ran: subprocess.CompletedProcess[str]) -> str:
    return (ran.stderr.strip() or ran.stdout.strip())[-1500:]


def join(output: StepOutput, nodes: DemoNodes) -> None:
    """1. The region publishes its rulebook; cities apply; a person approves; credentials are issued."""
    region = nodes.vlaanderen
    with output.step(1, "Join: the region admits three cities under its rulebook"):
        (rulebook,) = publish_all(output, region, "vlaanderen", ("rulebook.yaml",))
        for city in nodes.cities:
            _admit(output, nodes, city, "MembershipCredential")
        with nodes.gent.client() as client:
            held = client.memberships()["credentials"][0]
        output.check(
            held["claims"]["rulebook"] == rulebook["iri"], "the credential names the rulebook that was accepted"
        )
        followed = until("the region follows its members", lambda: _list_members(region, 3))
        output.check(len(followed) == 3, "the region follows the event streams of its three members")


def _admit(output: StepOutput, nodes: DemoNodes, city: Member, credential: str) -> None:
    region = nodes.vlaanderen
    short = credential.removesuffix("Credential")
    output.show_command(city.key, f"hansa join {region.url} --as {short}")
    with city.client() as client, region.client() as office:
        application = client.join(region.url, credential)
        waiting = until(
            "the application arrives",
            lambda: [decision for decision in office.decisions() if decision["peer"] == city.did],
        )
        output.show_click(region.key, f"Applications: {waiting[0]['peerName']} asks for {short}: approve")
        office.decide(waiting[0]["id"], approve=True)
        until(
            f"{city.name} holds its credential",
            lambda: [one for one in client.memberships()["credentials"] if credential in one["types"]],
        )
    output.check(application["issuer"] == region.did, f"{city.name} holds a {credential}, signed by the region")


def _list_members(region: Member, count: int) -> list[dict[str, Any]]:
    with region.client() as client:
        found = client.members()
    return found if len(found) >= count else []


def publish(output: StepOutput, nodes: DemoNodes, counters: Counters) -> None:
    """2. Gent and Plzeň publish; a description with typical mistakes is refused with an explanation."""
    with output.step(2, "Publish: data, models, ontology, schema, scenario, from files that a steward wrote"):
        counters.describe(output)
        gent = publish_all(output, nodes.gent, "gent", GENT_FILES)
        publish_all(output, nodes.gent, "gent", ("staff.jsonld",), "--audience", "internal")
        plzen = publish_all(output, nodes.plzen, "plzen", PLZEN_FILES)
        kinds = {one["kind"] for one in (*gent, *plzen)} | {"rulebook"}
        output.check(kinds == KINDS, f"every kind was checked by its own shapes: {', '.join(sorted(kinds))}")
        with nodes.gent.client() as client:
            before = client.node()["records"]
            output.show_command("gent", "hansa publish mistakes.yaml")
            refusal = nodes.gent.hansa("publish", str(nodes.home / "files" / "gent" / "mistakes.yaml"), json=False)
            for line in refusal.stderr.strip().splitlines():
                output.saw(line)
            said = refusal.stderr
            output.check(
                refusal.returncode == 1 and "license" in said and "TRAN" in said, "refused in words, with the remedy"
            )
            output.check(client.node()["records"] == before, "nothing of it was stored")
        counters.begin(output)


def find(output: StepOutput, nodes: DemoNodes) -> None:
    """3. Gent finds Plzeň's noise model through the region; hidden assets do not exist for others."""
    region, gent = nodes.vlaanderen, nodes.gent
    with output.step(3, "Find: one catalogue of all members, by search and by SPARQL"):
        rota = f"{gent.url}/datasets/staff-rota"
        model = f"{nodes.plzen.url}/models/road-noise"
        until("the region holds everything", lambda: _total(region) >= len(GENT_FILES) + len(PLZEN_FILES) + 1)
        output.show_command("gent", "hansa find 'noise model' --region")
        found = json.loads(gent.hansa("find", "noise model", "--region").stdout)
        hit = next((one for one in found["hits"] if one["iri"] == model), None)
        output.check(hit, "search finds Plzeň's road noise model")
        assert hit is not None
        output.saw(f"conditions: {_words(hit.get('conditions'))}")
        query = (
            "PREFIX dct: <http://purl.org/dc/terms/> PREFIX hm: <https://w3id.org/hansa/model#> "
            "SELECT ?model ?title WHERE { ?model a hm:Model ; dct:title ?title . FILTER(lang(?title) = 'en') }"
        )
        output.show_command("gent", 'hansa sparql --region "SELECT ?model ?title WHERE { ?model a hm:Model … }"')
        answer = json.loads(gent.hansa("sparql", query, "--region", "--accept", "json").stdout)
        titles = {row["model"]["value"]: row["title"]["value"] for row in answer["results"]["bindings"]}
        output.check(
            titles.get(model) == "Road traffic noise", f"SPARQL answers {len(titles)} models, that one among them"
        )
        _hidden_from_all(output, nodes, rota)
        _as_of(output, nodes)
        _follow_each_other(output, nodes)


def _follow_each_other(output: StepOutput, nodes: DemoNodes) -> None:
    """Let Gent and Plzeň follow each other. What they have of each other is checked when it is needed."""
    for city, other in ((nodes.gent, nodes.plzen), (nodes.plzen, nodes.gent)):
        output.show_command(city.key, f"hansa follow {other.url}")
        with city.client() as client:
            output.check(
                client.follow(other.url)["did"] == other.did, f"{city.name} follows the catalogue of {other.name}"
            )


def _total(member: Member) -> int:
    return int(httpx2.get(f"{member.url}/api/catalogue/search", timeout=10).json()["total"])


def _words(texts: Any) -> str:
    return texts if isinstance(texts, str) else str((texts or {}).get("en") or texts or "")


def _hidden_from_all(output: StepOutput, nodes: DemoNodes, iri: str) -> None:
    """Check that no end point shows the internal asset, neither to strangers nor to partners."""
    name = "staff-rota"
    with nodes.gent.client() as client:
        own = client.record(iri)
    output.check(own["iri"] == iri, "Gent's own people see their internal dataset")
    for member in (nodes.gent, nodes.vlaanderen):
        url = member.url
        with httpx2.Client(timeout=20) as stranger:
            ask = {"query": f"ASK {{ <{iri}> ?p ?o }}"}
            doors = {
                "search": name in stranger.get(f"{url}/api/catalogue/search", params={"q": "dienstrooster"}).text,
                "SPARQL": stranger.post(
                    f"{url}/sparql", data=ask, headers={"Accept": "application/sparql-results+json"}
                ).json()["boolean"],
                "feed": name in _whole_feed(stranger, url),
                "address": stranger.get(iri, headers={"Accept": "text/turtle"}).status_code != 404,
                "counts": name in stranger.get(f"{url}/api/catalogue/counts").text,
            }
        doors_that_show = [door for door, shows in doors.items() if shows]
        output.check(
            not doors_that_show,
            f"for strangers at {member.name} it is absent from {', '.join(doors)}"
            + (f": seen in {doors_that_show}" if doors_that_show else ""),
        )
    with nodes.brugge.client() as partner:
        try:
            partner.conditions(iri)
            answer = "conditions"
        except Refusal as refusal:
            answer = str(refusal)
        try:
            partner.conditions(f"{nodes.gent.url}/datasets/no-such-thing")
            control = "conditions"
        except Refusal as refusal:
            control = str(refusal)
    output.check(answer == control, f"a partner who asks for it learns nothing: “{answer}”")


def _whole_feed(stranger: httpx2.Client, url: str) -> str:
    """Return the text of all pages of the public event stream."""
    pages: set[str] = set()
    todo, text = [f"{url}/feed"], ""
    while todo:
        page = todo.pop()
        if page in pages:
            continue
        pages.add(page)
        body = stranger.get(page, headers={"Accept": "application/n-quads"}).text
        text += body
        for line in body.splitlines():
            if "<https://w3id.org/tree#node>" in line or "<https://w3id.org/tree#view>" in line:
                target = line.split("> ")[-2].split("<")[-1].rstrip(">") if line.count("<") >= 3 else ""
                target = line.rsplit("<", 1)[-1].split(">")[0] if not target.startswith("http") else target
                if target.startswith(f"{url}/feed"):
                    todo.append(target)
    return text


def _as_of(output: StepOutput, nodes: DemoNodes) -> None:
    """Publish a second version, and show the state before it."""
    gent = nodes.gent
    before = after_a_moment()
    iri = f"{gent.url}/datasets/road-network"
    path = nodes.home / "files" / "gent" / "road-network.yaml"
    path.write_text(
        path.read_text("utf-8").replace("Wegennet Gent, vereenvoudigd", "Wegennet Gent, herzien"), "utf-8"
    )
    publish_all(output, gent, "gent", ("road-network.yaml",))
    with gent.client() as client:
        now, then = client.record(iri), client.record(iri, as_of=before)
    output.check(
        (now["version"], then["version"]) == (2, 1), f"version 2 is current; as of {before} it was version 1"
    )

    def is_replicated() -> bool:
        answer = httpx2.get(f"{nodes.vlaanderen.url}/api/catalogue/record", params={"iri": iri}, timeout=10)
        return bool(answer.status_code == 200 and answer.json()["version"] == 2)

    began = time.monotonic()
    until("the region sees version 2", is_replicated)
    output.check(True, f"the region saw version 2 after {time.monotonic() - began:.1f} s")


def after_a_moment() -> str:
    """Wait for the next full second. Return that moment as a person would type it; later events have later times."""
    second = math.ceil(time.time())
    time.sleep(second - time.time() + 0.01)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def agree(output: StepOutput, nodes: DemoNodes) -> None:
    """4. A person approves; both sides hold one signed agreement; a refusal states the reason."""
    with output.step(4, "Agree: one signed agreement, readable by people, and a refusal that says why"):
        _approved_by_a_person(output, nodes)
        _check_refusal_and_reasons(output, nodes)
        _admit(output, nodes, nodes.brugge, "MobilityPartnerCredential")


def _approved_by_a_person(output: StepOutput, nodes: DemoNodes) -> None:
    gent, plzen = nodes.gent, nodes.plzen
    iri = f"{plzen.url}/models/road-noise"
    output.show_command("gent", f"hansa get {iri} --agree-only")
    asked = gent.hansa("get", iri, "--yes", "--agree-only")
    output.check(asked.returncode == 4, "Gent's request waits for a person in Plzeň; the command says so and ends")
    with plzen.client() as office, gent.client() as client:
        (waiting,) = until("the request waits in Plzeň", office.decisions)
        output.show_click("plzen", f"Decisions: {waiting['peerName']}: approve")
        office.decide(waiting["id"], approve=True)
        agreement_of_office = until(
            "Gent holds the agreement",
            lambda: [agreement for agreement in client.agreements() if agreement["dataset"] == iri],
        )[0]
        other = until(
            "Plzeň holds it too",
            lambda: [agreement for agreement in office.agreements() if agreement["id"] == agreement_of_office["id"]],
        )[0]
        output.check(
            agreement_of_office["sha256"] == other["sha256"],
            f"both hold the same agreement, hash {agreement_of_office['sha256'][:12]}…",
        )
        both = {gent.did, plzen.did}
        output.check(
            set(agreement_of_office["signatures"]) == both == set(other["signatures"]),
            "both have signed it, on both sides",
        )
        for language in ("cs", "nl"):
            ours = client.agreement_document(agreement_of_office["id"], language)
            theirs = office.agreement_document(agreement_of_office["id"], language)
            output.check(ours == theirs, f"both render the same document ({language}, {len(ours)} characters)")


def _check_refusal_and_reasons(output: StepOutput, nodes: DemoNodes) -> None:
    iri = f"{nodes.gent.url}/datasets/traffic-counts"
    output.show_command("brugge", f"hansa get {iri}")
    answer = nodes.brugge.hansa("get", iri, "--yes", json=False)
    for line in (answer.stdout + answer.stderr).strip().splitlines():
        output.saw(line.strip())
    refusal = answer.stdout + answer.stderr
    output.check(answer.returncode == 1, "Brugge is refused")
    output.check(
        "mobility partner" in refusal.lower() or "MobilityPartner" in refusal, "and told which credential is missing"
    )


def exchange(output: StepOutput, nodes: DemoNodes, size: int) -> None:
    """5. Brugge receives the sealed counts; Gent is killed in the middle of the transfer and recovers."""
    gent, brugge = nodes.gent, nodes.brugge
    iri = f"{gent.url}/datasets/traffic-counts"
    with output.step(5, "Exchange: sealed, killed in the middle, finished, verified"):
        with brugge.client() as client:
            target = nodes.home / "received.csv"
            output.show_command("brugge", f"hansa get {iri}")
            getting = subprocess.Popen(  # noqa: S603 - our own program
                [*HANSA, "get", iri, "--yes", "--output", str(target), "--keep-sealed"],
                cwd=brugge.home,
                env=brugge.environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            reception = until("the bytes flow", lambda: _reception(client, size * KILL_AT), seconds=60)
            gent.kill()
            output.saw(
                f"Gent's process is killed at {bytes_in_words(reception['received'])} of {bytes_in_words(size)}"
            )
            gent.serve()
            output.saw(f"and started again: ready after {gent.wait_ready():.1f} s")
            printed, _ = getting.communicate(timeout=120)
        for line in printed.decode().strip().splitlines():
            output.saw(line.strip())
        output.check(getting.returncode == 0, "the transfer went on where it stopped, and finished")
        original = nodes.home / "files" / "gent" / "traffic-counts.csv"
        output.check(
            target.read_bytes() == original.read_bytes(), f"{bytes_in_words(size)} are exactly what Gent published"
        )
        sealed = target.with_name(target.name + ".age")
        output.check(
            sealed.read_bytes()[:21] == b"age-encryption.org/v1", "they travelled sealed for Brugge alone (age v1)"
        )
        _transfer_ended(output, nodes)


def _reception(client: Any, least: float) -> dict[str, Any] | None:
    for transfer in client.transfers():
        state = client.transfer_state(transfer["pid"])
        reception = state.get("reception")
        if reception and reception["received"] >= least:
            return dict(reception)
    return None


def _transfer_ended(output: StepOutput, nodes: DemoNodes) -> None:
    with nodes.gent.client() as provider, nodes.brugge.client() as consumer:
        pid = consumer.transfers()[0]["pid"]
        state = until("both sides are done", lambda: _find_completed(consumer, pid))
        there = until("the provider knows", lambda: _find_completed(provider, state["peerPid"]))
        output.check(there["state"] == state["state"] == "COMPLETED", "both sides say COMPLETED")
        accesses = provider.agreement(state["agreementId"])["accesses"]
        outcomes = [access.get("outcome") for access in accesses]
        output.check(
            "started" in outcomes, f"Gent's ledger tells who read what when: {', '.join(map(str, outcomes))}"
        )


def _find_completed(client: Any, pid: str) -> dict[str, Any] | None:
    state = client.transfer_state(pid)
    return dict(state) if state["state"] == "COMPLETED" else None
