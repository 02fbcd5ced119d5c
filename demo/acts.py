"""The acts of the story. Each act uses the same API and command line as people do, and checks the results."""

from __future__ import annotations

import json
import math
import subprocess
import time
from typing import Any

import httpx2

from demo.cast import HANSA, Cast, Member, until
from demo.stage import Stage
from demo.stage import size as bytes_in_words
from node.client import Refusal

GENT_FILES = (
    "traffic-flow-schema.yaml",
    "segment-flow-schema.yaml",
    "hourly-flow-schema.yaml",
    "mobility-ontology.ttl",
    "traffic-counts.yaml",
    "traffic-counts-sample.yaml",
    "road-network.yaml",
    "noise-receptors.yaml",
    "traffic-model.yaml",
    "hourly-flows.yaml",
    "bridge-scenario.yaml",
    "sparql-service.ttl",
)
PLZEN_FILES = ("road-network.yaml", "road-noise.yaml", "noise-receptors.yaml", "quiet-zone-scenario.yaml")
KINDS = {"dataset", "service", "model", "ontology", "schema", "transformation", "scenario", "rulebook"}
KILL_AT = 0.4


def published(
    stage: Stage, member: Member, folder: str, names: tuple[str, ...], *options: str
) -> list[dict[str, Any]]:
    stage.typed(member.key, f"hansa publish {' '.join(names)} {' '.join(options)}".rstrip())
    files = [str(member.home / "files" / folder / name) for name in names]
    ran = member.hansa("publish", *files, *options)
    stage.check(
        ran.returncode == 0,
        f"{member.name} published {len(names)}: {why(ran) if ran.returncode else 'all accepted'}",
    )
    found = json.loads(ran.stdout)
    return found if isinstance(found, list) else [found]


def why(ran: subprocess.CompletedProcess[str]) -> str:
    return (ran.stderr.strip() or ran.stdout.strip())[-1500:]


def join(stage: Stage, cast: Cast) -> None:
    """1. The region publishes its rulebook; cities apply; a person approves; credentials are issued."""
    region = cast.vlaanderen
    with stage.step(1, "Join: the region admits three cities under its rulebook"):
        (rulebook,) = published(stage, region, "vlaanderen", ("rulebook.yaml",))
        for city in cast.cities:
            _admit(stage, cast, city, "MembershipCredential")
        with cast.gent.client() as client:
            held = client.memberships()["credentials"][0]
        stage.check(
            held["claims"]["rulebook"] == rulebook["iri"], "the credential names the rulebook that was accepted"
        )
        followed = until("the region follows its members", lambda: _followed(region, 3))
        stage.check(len(followed) == 3, "the region follows the event streams of its three members")


def _admit(stage: Stage, cast: Cast, city: Member, credential: str) -> None:
    region = cast.vlaanderen
    short = credential.removesuffix("Credential")
    stage.typed(city.key, f"hansa join {region.url} --as {short}")
    with city.client() as client, region.client() as office:
        asked = client.join(region.url, credential)
        waiting = until(
            "the application arrives",
            lambda: [decision for decision in office.decisions() if decision["peer"] == city.did],
        )
        stage.clicked(region.key, f"Applications: {waiting[0]['peerName']} asks for {short}: approve")
        office.decide(waiting[0]["id"], approve=True)
        until(
            f"{city.name} holds its credential",
            lambda: [one for one in client.memberships()["credentials"] if credential in one["types"]],
        )
    stage.check(asked["issuer"] == region.did, f"{city.name} holds a {credential}, signed by the region")


def _followed(region: Member, count: int) -> list[dict[str, Any]]:
    with region.client() as client:
        found = client.members()
    return found if len(found) >= count else []


def publish(stage: Stage, cast: Cast) -> None:
    """2. Gent and Plzeň publish; a description with typical mistakes is refused with an explanation."""
    with stage.step(2, "Publish: data, models, ontology, schema, scenario, from files that a steward wrote"):
        gent = published(stage, cast.gent, "gent", GENT_FILES)
        published(stage, cast.gent, "gent", ("staff.jsonld",), "--audience", "internal")
        plzen = published(stage, cast.plzen, "plzen", PLZEN_FILES)
        kinds = {one["kind"] for one in (*gent, *plzen)} | {"rulebook"}
        stage.check(kinds == KINDS, f"every kind was checked by its own shapes: {', '.join(sorted(kinds))}")
        with cast.gent.client() as client:
            before = client.node()["records"]
            stage.typed("gent", "hansa publish mistakes.yaml")
            refused = cast.gent.hansa("publish", str(cast.home / "files" / "gent" / "mistakes.yaml"), json=False)
            for line in refused.stderr.strip().splitlines():
                stage.saw(line)
            said = refused.stderr
            stage.check(
                refused.returncode == 1 and "license" in said and "TRAN" in said, "refused in words, with the mend"
            )
            stage.check(client.node()["records"] == before, "nothing of it was stored")


def find(stage: Stage, cast: Cast) -> None:
    """3. Gent finds Plzeň's noise model through the region; hidden assets do not exist for others."""
    region, gent = cast.vlaanderen, cast.gent
    with stage.step(3, "Find: one catalogue of all members, by search and by SPARQL"):
        hidden = f"{gent.url}/datasets/staff-rota"
        model = f"{cast.plzen.url}/models/road-noise"
        until("the region holds everything", lambda: _total(region) >= len(GENT_FILES) + len(PLZEN_FILES) + 1)
        stage.typed("gent", "hansa find 'noise model' --region")
        found = json.loads(gent.hansa("find", "noise model", "--region").stdout)
        hit = next((one for one in found["hits"] if one["iri"] == model), None)
        stage.check(hit, "search finds Plzeň's road noise model")
        assert hit is not None
        stage.saw(f"conditions: {_words(hit.get('conditions'))}")
        query = (
            "PREFIX dct: <http://purl.org/dc/terms/> PREFIX hm: <https://w3id.org/hansa/model#> "
            "SELECT ?model ?title WHERE { ?model a hm:Model ; dct:title ?title . FILTER(lang(?title) = 'en') }"
        )
        stage.typed("gent", 'hansa sparql --region "SELECT ?model ?title WHERE { ?model a hm:Model … }"')
        answer = json.loads(gent.hansa("sparql", query, "--region", "--accept", "json").stdout)
        titles = {row["model"]["value"]: row["title"]["value"] for row in answer["results"]["bindings"]}
        stage.check(
            titles.get(model) == "Road traffic noise", f"SPARQL answers {len(titles)} models, that one among them"
        )
        _hidden_from_all(stage, cast, hidden)
        _as_of(stage, cast)


def _total(member: Member) -> int:
    return int(httpx2.get(f"{member.url}/api/catalogue/search", timeout=10).json()["total"])


def _words(texts: Any) -> str:
    return texts if isinstance(texts, str) else str((texts or {}).get("en") or texts or "")


def _hidden_from_all(stage: Stage, cast: Cast, hidden: str) -> None:
    """Check that no end point shows the internal asset, neither to strangers nor to partners."""
    name = "staff-rota"
    with cast.gent.client() as client:
        own = client.record(hidden)
    stage.check(own["iri"] == hidden, "Gent's own people see their internal dataset")
    for member in (cast.gent, cast.vlaanderen):
        url = member.url
        with httpx2.Client(timeout=20) as stranger:
            ask = {"query": f"ASK {{ <{hidden}> ?p ?o }}"}
            doors = {
                "search": name in stranger.get(f"{url}/api/catalogue/search", params={"q": "dienstrooster"}).text,
                "SPARQL": stranger.post(
                    f"{url}/sparql", data=ask, headers={"Accept": "application/sparql-results+json"}
                ).json()["boolean"],
                "feed": name in _whole_feed(stranger, url),
                "address": stranger.get(hidden, headers={"Accept": "text/turtle"}).status_code != 404,
                "counts": name in stranger.get(f"{url}/api/catalogue/counts").text,
            }
        seen = [door for door, shows in doors.items() if shows]
        stage.check(
            not seen,
            f"for strangers at {member.name} it is absent from {', '.join(doors)}"
            + (f": seen in {seen}" if seen else ""),
        )
    with cast.brugge.client() as partner:
        try:
            partner.conditions(hidden)
            answer = "conditions"
        except Refusal as refusal:
            answer = str(refusal)
        try:
            partner.conditions(f"{cast.gent.url}/datasets/no-such-thing")
            control = "conditions"
        except Refusal as refusal:
            control = str(refusal)
    stage.check(answer == control, f"a partner who asks for it learns nothing: “{answer}”")


def _whole_feed(stranger: httpx2.Client, url: str) -> str:
    """Return the text of all pages of the public event stream."""
    seen: set[str] = set()
    todo, text = [f"{url}/feed"], ""
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        body = stranger.get(page, headers={"Accept": "application/n-quads"}).text
        text += body
        for line in body.splitlines():
            if "<https://w3id.org/tree#node>" in line or "<https://w3id.org/tree#view>" in line:
                target = line.split("> ")[-2].split("<")[-1].rstrip(">") if line.count("<") >= 3 else ""
                target = line.rsplit("<", 1)[-1].split(">")[0] if not target.startswith("http") else target
                if target.startswith(f"{url}/feed"):
                    todo.append(target)
    return text


def _as_of(stage: Stage, cast: Cast) -> None:
    """Publish a second version, and show the state before it."""
    gent = cast.gent
    before = after_a_moment()
    iri = f"{gent.url}/datasets/road-network"
    path = cast.home / "files" / "gent" / "road-network.yaml"
    path.write_text(
        path.read_text("utf-8").replace("Wegennet Gent, vereenvoudigd", "Wegennet Gent, herzien"), "utf-8"
    )
    published(stage, gent, "gent", ("road-network.yaml",))
    with gent.client() as client:
        now, then = client.record(iri), client.record(iri, as_of=before)
    stage.check((now["version"], then["version"]) == (2, 1), f"version 2 is current; as of {before} it was version 1")

    def replicated() -> bool:
        answer = httpx2.get(f"{cast.vlaanderen.url}/api/catalogue/record", params={"iri": iri}, timeout=10)
        return bool(answer.status_code == 200 and answer.json()["version"] == 2)

    began = time.monotonic()
    until("the region sees version 2", replicated)
    stage.check(True, f"the region saw version 2 after {time.monotonic() - began:.1f} s")


def after_a_moment() -> str:
    """Wait for the next full second. Return that moment as a person would type it; later events have later times."""
    second = math.ceil(time.time())
    time.sleep(second - time.time() + 0.01)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def agree(stage: Stage, cast: Cast) -> None:
    """4. A person approves; both sides hold one signed agreement; a refusal states the reason."""
    with stage.step(4, "Agree: one signed agreement, readable by people, and a refusal that says why"):
        _approved_by_a_person(stage, cast)
        _check_refusal_and_reasons(stage, cast)
        _admit(stage, cast, cast.brugge, "MobilityPartnerCredential")


def _approved_by_a_person(stage: Stage, cast: Cast) -> None:
    gent, plzen = cast.gent, cast.plzen
    iri = f"{plzen.url}/models/road-noise"
    stage.typed("gent", f"hansa get {iri} --agree-only")
    asked = gent.hansa("get", iri, "--yes", "--agree-only")
    stage.check(asked.returncode == 4, "Gent's request waits for a person in Plzeň; the command says so and ends")
    with plzen.client() as office, gent.client() as client:
        (waiting,) = until("the request waits in Plzeň", office.decisions)
        stage.clicked("plzen", f"Decisions: {waiting['peerName']}: approve")
        office.decide(waiting["id"], approve=True)
        agreement_of_office = until(
            "Gent holds the agreement",
            lambda: [agreement for agreement in client.agreements() if agreement["dataset"] == iri],
        )[0]
        other = until(
            "Plzeň holds it too",
            lambda: [agreement for agreement in office.agreements() if agreement["id"] == agreement_of_office["id"]],
        )[0]
        stage.check(
            agreement_of_office["sha256"] == other["sha256"],
            f"both hold the same agreement, hash {agreement_of_office['sha256'][:12]}…",
        )
        both = {gent.did, plzen.did}
        stage.check(
            set(agreement_of_office["signatures"]) == both == set(other["signatures"]),
            "both have signed it, on both sides",
        )
        for language in ("cs", "nl"):
            ours = client.agreement_document(agreement_of_office["id"], language)
            theirs = office.agreement_document(agreement_of_office["id"], language)
            stage.check(ours == theirs, f"both render the same document ({language}, {len(ours)} characters)")


def _check_refusal_and_reasons(stage: Stage, cast: Cast) -> None:
    iri = f"{cast.gent.url}/datasets/traffic-counts"
    stage.typed("brugge", f"hansa get {iri}")
    refused = cast.brugge.hansa("get", iri, "--yes", json=False)
    for line in (refused.stdout + refused.stderr).strip().splitlines():
        stage.saw(line.strip())
    output = refused.stdout + refused.stderr
    stage.check(refused.returncode == 1, "Brugge is refused")
    stage.check(
        "mobility partner" in output.lower() or "MobilityPartner" in output, "and told which credential is missing"
    )


def exchange(stage: Stage, cast: Cast, size: int) -> None:
    """5. Brugge receives the sealed counts; Gent is killed in the middle of the transfer and recovers."""
    gent, brugge = cast.gent, cast.brugge
    iri = f"{gent.url}/datasets/traffic-counts"
    with stage.step(5, "Exchange: sealed, killed in the middle, finished, verified"):
        with brugge.client() as client:
            target = cast.home / "received.csv"
            stage.typed("brugge", f"hansa get {iri}")
            getting = subprocess.Popen(  # noqa: S603 - our own program
                [*HANSA, "get", iri, "--yes", "--output", str(target), "--keep-sealed"],
                cwd=brugge.home,
                env=brugge.environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            reception = until("the bytes flow", lambda: _reception(client, size * KILL_AT), seconds=60)
            gent.kill()
            stage.saw(
                f"Gent's process is killed at {bytes_in_words(reception['received'])} of {bytes_in_words(size)}"
            )
            gent.serve()
            stage.saw(f"and started again: ready after {gent.wait_ready():.1f} s")
            output, _ = getting.communicate(timeout=120)
        for line in output.decode().strip().splitlines():
            stage.saw(line.strip())
        stage.check(getting.returncode == 0, "the transfer went on where it stopped, and finished")
        original = cast.home / "files" / "gent" / "traffic-counts.csv"
        stage.check(
            target.read_bytes() == original.read_bytes(), f"{bytes_in_words(size)} are exactly what Gent published"
        )
        sealed = target.with_name(target.name + ".age")
        stage.check(
            sealed.read_bytes()[:21] == b"age-encryption.org/v1", "they travelled sealed for Brugge alone (age v1)"
        )
        _transfer_ended(stage, cast)


def _reception(client: Any, least: float) -> dict[str, Any] | None:
    for transfer in client.transfers():
        state = client.transfer_state(transfer["pid"])
        reception = state.get("reception")
        if reception and reception["received"] >= least:
            return dict(reception)
    return None


def _transfer_ended(stage: Stage, cast: Cast) -> None:
    with cast.gent.client() as provider, cast.brugge.client() as consumer:
        pid = consumer.transfers()[0]["pid"]
        state = until("both sides are done", lambda: _completed(consumer, pid))
        there = until("the provider knows", lambda: _completed(provider, state["peerPid"]))
        stage.check(there["state"] == state["state"] == "COMPLETED", "both sides say COMPLETED")
        accesses = provider.agreement(state["agreementId"])["accesses"]
        outcomes = [access.get("outcome") for access in accesses]
        stage.check("started" in outcomes, f"Gent's ledger tells who read what when: {', '.join(map(str, outcomes))}")


def _completed(client: Any, pid: str) -> dict[str, Any] | None:
    state = client.transfer_state(pid)
    return dict(state) if state["state"] == "COMPLETED" else None
