"""Runs and checks the demonstration in twelve steps, from joining a region to proving what was done."""

from __future__ import annotations

import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shlex import quote

from rich.markup import escape

from demo import corrections, decisions, live, steps, vocabulary
from demo.counters import Counters
from demo.data import PLZEN, network, network_geojson, od_table, peak_table, receptors, write_counts
from demo.nodes import DemoNodes, Member, remove
from demo.output import Failed, StepOutput, err, out
from demo.proofs import prove

DAYS = 31
SEND_SECONDS = 6
"""More than the five seconds after which a node checks a running read again: a revocation is seen within it."""


def run(*, keep: bool = False, folder: Path | None = None, seed: int = 2026) -> int:
    """Run the demonstration; return 0 if every check held, 1 if a check failed.

    Leaves no process behind, and no folder unless the caller named one.
    """
    home = folder or Path(tempfile.mkdtemp(prefix="hansa-demo-"))
    home.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    output = StepOutput()
    # Any signal that ends the demonstration ends its nodes too.
    for ending in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(ending, _interrupt)
    out.print("[bold]Hansa[/bold]: a region and three cities share data. All data are made up and say so.")
    try:
        with DemoNodes(home, send_rate=0) as nodes, Counters(nodes, seed) as counters:
            size = _set_up(nodes, seed)
            set_up = time.monotonic() - began
            out.print(f"[dim]set-up {set_up:.1f} s: four nodes run in {escape(str(home))}[/dim]")
            steps.join(output, nodes)
            steps.publish(output, nodes, counters)
            steps.find(output, nodes)
            steps.agree(output, nodes)
            steps.exchange(output, nodes, size)
            pid = decisions.decide(output, nodes)
            decisions.reuse(output, nodes)
            vocabulary.understand(output, nodes)
            corrections.go_back(output, nodes, pid)
            live.watch(output, nodes, counters)
            corrections.revoke(output, nodes)
            prove(output, nodes)
            out.print(
                f"\n[green bold]done[/green bold]  {output.checks} checks held   "
                f"set-up {set_up:.1f} s   job {output.job_seconds:.1f} s"
            )
            if keep:
                _linger(nodes)
        return 0
    except (Failed, RuntimeError) as error:
        err.print(f"\n[red bold]the demonstration failed[/red bold]: {escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        err.print("\ninterrupted")
        return 130
    finally:
        if folder is None:
            remove(home)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _set_up(nodes: DemoNodes, seed: int) -> int:
    """Prepare data, descriptions and nodes; return the size of the traffic counts in bytes."""
    nodes.write_files()
    gent, plzen = nodes.home / "files" / "gent", nodes.home / "files" / "plzen"
    segments = network(seed)
    rows = write_counts(
        gent / "traffic-counts.csv", seed, segments, days=DAYS, sample=gent / "traffic-counts-sample.csv"
    )
    (gent / "road-network.geojson").write_text(network_geojson(segments), "utf-8")
    (gent / "origin-destination.csv").write_text(od_table(seed, segments), "utf-8")
    (gent / "noise-receptors.geojson").write_text(receptors(seed, "gent", segments), "utf-8")
    streets = network(seed, "plzen", PLZEN)
    (plzen / "road-network.geojson").write_text(network_geojson(streets), "utf-8")
    (plzen / "origin-destination.csv").write_text(od_table(seed, streets, "plzen"), "utf-8")
    (plzen / "peak-trips.csv").write_text(peak_table(seed, streets), "utf-8")
    (plzen / "noise-receptors.geojson").write_text(receptors(seed, "plzen", streets), "utf-8")
    size = (gent / "traffic-counts.csv").stat().st_size
    out.print(f"[dim]made {rows} rows of traffic counts, {size / 1e6:.0f} MB[/dim]")
    # The sender is slowed down so that the transfer lasts long enough to kill it in the middle.
    nodes.gent.settings["send_bytes_per_second"] = str(size // SEND_SECONDS)
    # All at the same time, as four cities would.
    with ThreadPoolExecutor(len(nodes.all)) as hands:
        list(hands.map(_begin, nodes.all))
    return size


def _begin(member: Member) -> None:
    member.init()
    member.serve()
    member.wait_ready()


def _linger(nodes: DemoNodes) -> None:
    out.print("\nThe nodes stay up. Look around; Ctrl-C ends them.")
    for member in nodes.all:
        out.print(f"  {member.name:<14} {member.url}   [dim]--node {escape(quote(str(member.folder)))}[/dim]")
        out.print(f"  {'':<14} sign in as {escape(member.login)} with {escape(member.password)}")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        out.print("ended")
