"""The act about live data: a stream under contract, a run on its last ten minutes, and its end by a block."""

from __future__ import annotations

import html
import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx2

from demo.counters import STREAM, Counters
from demo.nodes import HANSA, DemoNodes, Member, until
from demo.output import StepOutput
from demo.steps import why
from node.client import OpenStream, Refusal

WINDOW = "10m"
REASON = "your token stood on a public page; replace it"


def watch(output: StepOutput, nodes: DemoNodes, counters: Counters) -> None:
    """10. Plzeň follows Gent's counters under contract, runs a scenario on their last minutes, and is blocked."""
    plzen = nodes.plzen
    iri = f"{nodes.gent.url}/datasets/live-counters"
    with output.step(10, "Live: Gent's counters move under contract, and stop when Gent blocks the reader"):
        with plzen.client() as client:
            agreement = _agree(output, client, iri)
            place = f"/agreements/{quote(agreement, safe='')}/stream"
            with Follower(plzen, iri) as follower:
                output.show_command("plzen", f"hansa stream follow {iri}")
                _keep_wrong_apart(output, counters)
                _run_on_window(output, nodes, iri, agreement)
                _see_them_move(output, nodes, follower, place)
                access = client.live_access(_open_transfer(client, agreement))
                _block(output, nodes, follower, OpenStream(access), place)
            counters.end()
        state = until("all have arrived", lambda: _with_all(counters))
        output.check(
            state["accepted"] == counters.sent,
            f"none of {counters.sent} observations since step 2 is missing, though Gent's node was killed in step 5",
        )
        _unblock(output, nodes)


def _agree(output: StepOutput, client: Any, iri: str) -> str:
    output.show_command("plzen", f"hansa get {iri} --agree-only --yes")
    pid = client.negotiate(iri)["pid"]
    process = until("the negotiation ends", lambda: _find_end(client, pid))
    output.check(process["state"] == "FINALIZED", "Gent's node agrees by itself, since Plzeň is a member:")
    for sentence in client.agreement(process["agreementId"])["sentences"]["en"]:
        output.saw(f"· {sentence}")
    return str(process["agreementId"])


def _find_end(client: Any, pid: str) -> dict[str, Any] | None:
    process = client.negotiation(pid, wait=5)
    return dict(process) if process["state"] in ("FINALIZED", "TERMINATED") else None


class Follower:
    """``hansa stream follow``, whose lines are read as they come."""

    def __init__(self, member: Member, iri: str) -> None:
        self.lines: list[tuple[float, str]] = []
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [*HANSA, "stream", "follow", iri],
            cwd=member.home,
            env=member.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(10)
        self._thread.join(10)

    @property
    def observations(self) -> list[dict[str, Any]]:
        """Return the observations so far."""
        return [json.loads(text) for _, text in list(self.lines) if text.startswith("{")]

    @property
    def farewell(self) -> list[tuple[float, str]]:
        """Return what it prints at its end, with the moment of each line."""
        return [(at, text) for at, text in list(self.lines) if text and not text.startswith("{")]

    def wait(self) -> int:
        """Wait for its end; return its exit status."""
        status = self._process.wait(30)
        self._thread.join(10)
        return status

    def _read(self) -> None:
        assert self._process.stdout is not None, "it was asked for"
        for line in self._process.stdout:
            self.lines.append((time.monotonic(), line.rstrip()))


def _keep_wrong_apart(output: StepOutput, counters: Counters) -> None:
    before = counters.state()["refused"]
    counters.send_wrong()
    until("the wrong observation is counted", lambda: counters.state()["refused"] == before + 1)
    output.check(before == 0, "one observation violates the schema: it is counted and kept apart")
    output.show_command("gent", f"hansa stream faults {STREAM}")
    output.saw(counters.faults()[0]["reason"])


def _run_on_window(output: StepOutput, nodes: DemoNodes, iri: str, agreement: str) -> None:
    """Bind the last ten minutes to a scenario, and repeat the run."""
    plzen = nodes.plzen
    scenario = f"{nodes.gent.url}/scenarios/drukte-nu"
    output.show_command("plzen", f"hansa run start {scenario} --input counts={iri} --window counts={WINDOW}")
    ran = plzen.hansa("run", "start", scenario, "--input", f"counts={iri}", "--window", f"counts={WINDOW}")
    output.check(ran.returncode == 0, f"the run is done{': ' + why(ran) if ran.returncode else ''}")
    run = json.loads(ran.stdout)
    bound = run["binding"]["inputs"]["counts"]
    (indicator,) = run["indicators"]
    output.check(
        bound["agreement"] == agreement and bound["window"]["count"] > 0,
        f"{indicator['after']:,.0f} vehicles in {bound['window']['count']} observations of the last ten minutes; "
        f"SHA-256 of the window {bound['sha256'][:12]}…",
    )
    output.show_command("plzen", f"hansa run again {run['pid'][-8:]}")
    with plzen.client() as client:
        pid = client.scenarios.again(run["pid"])["pid"]
        again = until("it is repeated", lambda: _find_outcome(client, pid))
    proof = next((line for line in again["log"] if bound["sha256"] in line and "gives the same" in line), "")
    same = again["binding"]["inputs"]["counts"]["sha256"] == bound["sha256"]
    output.check(
        again["result"] == run["result"] and same and proof,
        "repeated while new ones come: Gent's stream gives the same window again, and the result is the same",
    )


def _find_outcome(client: Any, pid: str) -> dict[str, Any] | None:
    run = client.scenarios.run(pid, wait=10)
    return dict(run) if run["state"] in ("successful", "failed", "dismissed") else None


def _see_them_move(output: StepOutput, nodes: DemoNodes, follower: Follower, place: str) -> None:
    """Check that observations come while Plzeň follows, and that the pages of both nodes show them."""
    observations = until("observations of two moments come", lambda: _of_two_moments(follower))
    for observation in observations[-2:]:
        output.saw(json.dumps(observation, ensure_ascii=False))
    output.check(True, f"Plzeň sees them move: {len(observations)} observations so far")
    with _browser(nodes.plzen) as browser:
        until("the own page shows them", lambda: _shows_moving(browser, place, follower))
    output.check(True, "Plzeň's own page shows them too, newest first, and since when it has looked")
    with _browser(nodes.gent) as browser:
        until("the page shows what Plzeň has received", lambda: _shows(browser, follower))
    output.check(True, "the page of the asset at Gent shows the newest that Plzeň has received")


def _of_two_moments(follower: Follower) -> list[dict[str, Any]]:
    observations = follower.observations
    return (
        observations
        if len([one for one in observations if one["segmentId"] == observations[0]["segmentId"]]) > 1
        else []
    )


def _shows(browser: httpx2.Client, follower: Follower) -> bool:
    newest = follower.observations[-1]
    page = browser.get("/datasets/live-counters")
    cells = set(re.findall(r"<bdi>([^<]*)</bdi>", page.text))
    return page.status_code == 200 and {newest["segmentId"], newest["at"]} <= cells


def _shows_moving(browser: httpx2.Client, place: str, follower: Follower) -> bool:
    """Return whether the page shows an observation that has come since it was first loaded, and Plzeň has got it."""
    page = browser.get(place)
    _, _, newest = page.text.partition('id="newest"')
    cells = set(re.findall(r"<bdi>([^<]*)</bdi>", newest))
    times = {observation["at"] for observation in follower.observations}
    return page.status_code == 200 and not times.isdisjoint(cells)


def _tells_why(browser: httpx2.Client, place: str) -> bool:
    page = browser.get(place)
    return page.status_code == 200 and REASON in html.unescape(page.text)


@contextmanager
def _browser(member: Member) -> Iterator[httpx2.Client]:
    """Yield the browser of the administrator, signed in."""
    headers = {"Accept": "text/html", "Origin": member.url}
    with httpx2.Client(base_url=member.url, headers=headers, timeout=20, trust_env=False) as browser:
        form = browser.get("/sign-in").text
        token = form.partition('name="csrf" value="')[2].partition('"')[0]
        fields = {"csrf": token, "login": member.login, "password": member.password, "next": "/"}
        browser.post("/sign-in", data=fields)
        yield browser


def _open_transfer(client: Any, agreement: str) -> str:
    return next(
        str(transfer["pid"])
        for transfer in client.transfers(state="STARTED")
        if transfer["agreementId"] == agreement and transfer["role"] == "consumer"
    )


def _block(output: StepOutput, nodes: DemoNodes, follower: Follower, stream: OpenStream, place: str) -> None:
    """Block Plzeň in the middle; check that the open stream ends with a reason, and that the next read is refused."""
    gent, plzen = nodes.gent, nodes.plzen
    output.show_command("gent", f"hansa member block {plzen.did} --reason '{REASON}'")
    with gent.client() as office:
        office.block(plzen.did, REASON)
    began = time.monotonic()
    status = follower.wait()
    farewell = follower.farewell
    for _, text in farewell:
        output.saw(f"Plzeň is told: {text.strip()}")
    output.check(status == 1 and any(REASON in text for _, text in farewell), "the open stream ends, and says why")
    output.check(True, f"that took {max(0.0, farewell[0][0] - began):.1f} s")
    with _browser(plzen) as browser:
        until("the own page says why", lambda: _tells_why(browser, place))
    output.check(True, "Plzeň's own page says that no more come, and why")
    try:
        next(iter(stream.latest()), None)
        answer = ""
    except Refusal as refusal:
        answer = str(refusal)
    output.check(REASON in answer, f"Plzeň's next read is refused: {answer}")


def _unblock(output: StepOutput, nodes: DemoNodes) -> None:
    """Unblock Plzeň, and resume what the block has suspended."""
    output.show_command("gent", f"hansa member unblock {nodes.plzen.did}")
    with nodes.gent.client() as office:
        until("all are suspended", lambda: not _find_running(office, nodes.plzen))
        office.unblock(nodes.plzen.did)
        pids = [transfer["pid"] for transfer in office.transfers(state="SUSPENDED")]
        for pid in pids:
            output.show_command("gent", f"hansa transfer resume {pid}")
            office.steer(pid, "resume")
        until("they have started", lambda: all(office.transfer_state(pid)["state"] == "STARTED" for pid in pids))
        output.check(pids, f"transfers that the block suspended and Gent has resumed: {len(pids)}")


def _find_running(office: Any, peer: Member) -> list[dict[str, Any]]:
    return [transfer for transfer in office.transfers(state="STARTED") if transfer["peer"] == peer.did]


def _with_all(counters: Counters) -> dict[str, Any] | None:
    state = counters.state()
    return state if state["accepted"] >= counters.sent else None
