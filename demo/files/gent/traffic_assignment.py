"""Traffic assignment of Ghent: who takes which street, and how long it takes, on a typical working day.

User equilibrium by gradient projection on paths (Jayakrishnan and others, 1994): every trip takes a path that no
other path beats, with delays after the function of the Bureau of Public Roads. One assignment for each level of
demand that the day has. No chance and no clock: the same inputs give the same answer.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, TypedDict

from node.sdk import Crs, Decimals, Kind, Range, Step, Unit, caveat, model, progress

ALPHA: Final = 0.15
BETA: Final = 4
"""Of the BPR function t = t0 (1 + alpha (v/c)^beta)."""

GAP: Final = 1e-10
"""Relative gap to stop at. A coarser one leaves errors as large as the effect of a measure."""

ROUNDS: Final = 2000

TOLD: Final = 10
"""The number of times that the model reports its progress."""

SHARES: Final = (
    *(0.10, 0.05, 0.05, 0.05, 0.10, 0.20, 0.50, 0.90, 1.00, 0.70, 0.60, 0.60),
    *(0.60, 0.60, 0.60, 0.70, 0.90, 1.00, 0.80, 0.50, 0.40, 0.30, 0.20, 0.10),
)
"""Trips of each hour of a working day, as a share of the busiest hour."""

FLEET: Final[tuple[tuple[Literal["passengerCar", "van", "lorry"], float], ...]] = (
    ("passengerCar", 0.80),
    ("van", 0.13),
    ("lorry", 0.07),
)

VEHICLE_FLOW: Final = "https://w3id.org/hansa/model#VehicleFlow"

# Written as a call, because "from" is a word of the language and no name of a member in a class.
Segment = TypedDict(
    "Segment",
    {
        "segmentId": str,
        "from": str,
        "to": str,
        "length_m": Annotated[float, Unit("m"), Range(1, 100_000), "length"],
        "capacity_vph": Annotated[float, Unit("{vehicles}/h"), Range(0), "capacity; 0 where the road is closed"],
        "freeflow_kmh": Annotated[float, Unit("km/h"), Range(5, 130), "speed when the road is empty"],
    },
)


class Trips(TypedDict):
    """Trips between two nodes of the network."""

    origin: str
    destination: str
    trips_per_hour: Annotated[float, Unit("{vehicles}/h"), Range(0), "trips in the busiest hour"]


class Flow(TypedDict):
    """The traffic of a segment in a quarter of an hour."""

    segmentId: str
    quarter: Annotated[str, "beginning of the quarter of an hour, as 07:15"]
    vehicleType: Literal["passengerCar", "van", "lorry"]
    intensity: Annotated[
        float, Unit("{vehicles}/(15.min)"), Kind(VEHICLE_FLOW), Decimals(2), "vehicles in the quarter of an hour"
    ]
    averageVehicleSpeed: Annotated[float, Unit("km/h"), Decimals(1), "mean speed on the segment"]
    vehicleHours: Annotated[float, Unit("h"), Decimals(4), "time that these vehicles spend on the segment"]


class Link:
    """A way from one node to another; its travel time grows with its flow: t0 (1 + alpha (v/c)^beta)."""

    __slots__ = ("alpha", "beta", "capacity", "cost", "end", "flow", "slope", "start", "time")

    def __init__(
        self, start: str, end: str, time: float, capacity: float, alpha: float = ALPHA, beta: int = BETA
    ) -> None:
        self.start, self.end, self.time, self.capacity = start, end, time, capacity
        self.alpha, self.beta = alpha, beta
        self.load(0.0)

    def load(self, flow: float) -> None:
        """Set the flow; cost and its slope follow."""
        ratio = flow / self.capacity
        # Multiplied out: the power function of the machine may differ in the last digit from another machine's.
        below = 1.0
        for _ in range(self.beta - 1):
            below *= ratio
        self.flow = flow
        self.cost = self.time * (1.0 + self.alpha * below * ratio)
        self.slope = self.time * self.alpha * self.beta * below / self.capacity


Path = tuple[int, ...]
Pair = tuple[str, str]


class Assignment:
    """Trips on a network. ``solve`` may be called again with another factor, and starts from where it was."""

    def __init__(self, links: Sequence[Link], trips: Mapping[Pair, float]) -> None:
        self.links = links
        self.leaving: dict[str, list[int]] = {}
        for index, link in enumerate(links):
            self.leaving.setdefault(link.start, []).append(index)
        pairs = {pair: trips[pair] for pair in sorted(trips) if pair[0] != pair[1] and trips[pair] > 0}
        ways = {origin: self._ways(origin) for origin in sorted({origin for origin, _ in pairs})}
        self.trips = {pair: count for pair, count in pairs.items() if pair[1] in ways[pair[0]]}
        self.unserved = {pair: count for pair, count in pairs.items() if pair not in self.trips}
        """Trips that no open road leads to their destination."""
        self.paths: dict[Pair, dict[Path, float]] = {pair: {} for pair in self.trips}
        self.factor = 0.0

    def solve(self, factor: float = 1.0) -> float:
        """Find the equilibrium for ``factor`` times the trips; the relative gap that remains."""
        for flows in self.paths.values():
            for path in flows:
                flows[path] *= factor / self.factor
        self.factor = factor
        gap = math.inf
        for _ in range(ROUNDS):
            self._load()
            shortest = self._shortest()
            gap = self._gap(shortest)
            if gap <= GAP:
                break
            for pair, path in shortest.items():
                self._shift(pair, path)
        return gap

    def flows(self) -> list[float]:
        """The flow of each link."""
        return [link.flow for link in self.links]

    def _load(self) -> None:
        parts: list[list[float]] = [[] for _ in self.links]
        for flows in self.paths.values():
            for path, flow in flows.items():
                for index in path:
                    parts[index].append(flow)
        for link, part in zip(self.links, parts, strict=True):
            link.load(math.fsum(part))

    def _shortest(self) -> dict[Pair, Path]:
        paths: dict[Pair, Path] = {}
        ways: dict[str, dict[str, tuple[float, int]]] = {}
        for origin, destination in self.trips:
            if origin not in ways:
                ways[origin] = self._ways(origin)
            path, at = [], destination
            while at != origin:
                index = ways[origin][at][1]
                path.append(index)
                at = self.links[index].start
            paths[origin, destination] = tuple(reversed(path))
        return paths

    def _ways(self, origin: str) -> dict[str, tuple[float, int]]:
        """Node → cost from ``origin``, and the last link on the way there. Of equal ways, the first by name."""
        best: dict[str, tuple[float, int]] = {origin: (0.0, -1)}
        ways: set[str] = set()
        waiting = [(0.0, origin)]
        while waiting:
            cost, node = heapq.heappop(waiting)
            if node in ways:
                continue
            ways.add(node)
            for index in self.leaving.get(node, ()):
                link = self.links[index]
                further = cost + link.cost
                if link.end not in best or further < best[link.end][0]:
                    best[link.end] = (further, index)
                    heapq.heappush(waiting, (further, link.end))
        return best

    def _gap(self, shortest: Mapping[Pair, Path]) -> float:
        total_time = math.fsum(link.flow * link.cost for link in self.links)
        shortest_time = math.fsum(
            self.trips[pair] * self.factor * self._cost(path) for pair, path in shortest.items()
        )
        if not total_time:
            return 0.0 if not shortest_time else math.inf
        return (total_time - shortest_time) / total_time

    def _cost(self, path: Path) -> float:
        return math.fsum(self.links[index].cost for index in path)

    def _shift(self, pair: Pair, shortest: Path) -> None:
        """Move trips of ``pair`` to its cheapest path, from each other by as much as evens them out."""
        flows = self.paths[pair]
        if not flows:
            self._move(flows, shortest, (), shortest, self.trips[pair] * self.factor)
            return
        flows.setdefault(shortest, 0.0)
        if len(flows) == 1:
            return
        cheapest = min(flows, key=lambda path: (self._cost(path), path))
        for path in sorted(flows):
            if path == cheapest:
                continue
            gain = self._cost(path) - self._cost(cheapest)
            leave, enter = sorted({*path} - {*cheapest}), sorted({*cheapest} - {*path})
            slope = math.fsum(self.links[index].slope for index in (*leave, *enter))
            step = flows[path] if gain >= flows[path] * slope else gain / slope
            if step > 0:
                flows[path] -= step
                self._move(flows, cheapest, leave, enter, step)
            if flows[path] <= 0:
                del flows[path]

    def _move(
        self, flows: dict[Path, float], to: Path, leave: Sequence[int], enter: Sequence[int], step: float
    ) -> None:
        flows[to] = flows.get(to, 0.0) + step
        for index in leave:
            self.links[index].load(max(0.0, self.links[index].flow - step))
        for index in enter:
            self.links[index].load(self.links[index].flow + step)


@model(version="1.0.0", output="flows", title="Traffic assignment")
def traffic_assignment(
    network: Annotated[list[Segment], Crs("EPSG:4326"), "directed road segments"],
    trips: Annotated[list[Trips], "trips between nodes of the network, in the busiest hour"],
    demandFactor: Annotated[float, Unit("1"), Range(0.1, 3), "multiplies all trips"] = 1.0,  # noqa: N803
) -> Annotated[list[Flow], Step("PT15M"), "vehicles by quarter of an hour, on a working day"]:
    """Assign trips to a road network: flow and speed of each segment for each quarter of an hour of a working day."""
    links = [
        Link(row["from"], row["to"], row["length_m"] / 1000 / row["freeflow_kmh"], row["capacity_vph"])
        for row in network
        if row["capacity_vph"] > 0
    ]
    demand: dict[Pair, list[float]] = {}
    for row in trips:
        demand.setdefault((row["origin"], row["destination"]), []).append(row["trips_per_hour"])
    assignment = Assignment(links, {pair: math.fsum(counts) for pair, counts in demand.items()})
    _tell_unserved(assignment, demandFactor)

    results: dict[float, list[tuple[float, float]]] = {}
    levels = sorted(set(SHARES))
    for number, level in enumerate(levels):
        # If there are more levels than ``TOLD``, only those that begin a tenth of the way are reported.
        if number == 0 or TOLD * number // len(levels) > TOLD * (number - 1) // len(levels):
            progress(100 * number / len(levels), f"demand at {level:.0%} of the busiest hour")
        gap = assignment.solve(level * demandFactor)
        if gap > GAP:
            caveat(
                f"the assignment of hours with {level:.0%} of the demand stopped before equilibrium, with a relative "
                f"gap of {gap:.1e}",
                code="not-converged",
            )
        results[level] = [(link.flow, link.cost) for link in links]
    return _rows(network, results)


def _tell_unserved(assignment: Assignment, factor: float) -> None:
    if assignment.unserved:
        loss = math.fsum(assignment.unserved.values()) * factor
        kept = math.fsum(assignment.trips.values()) * factor
        caveat(
            f"{loss:.0f} of {loss + kept:.0f} trips in the busiest hour find no open road to their destination, "
            "and are left out",
            code="unserved-trips",
            trips=round(loss),
            pairs=len(assignment.unserved),
        )


def _rows(network: Sequence[Segment], solution: Mapping[float, Sequence[tuple[float, float]]]) -> list[Flow]:
    rows: list[Flow] = []
    place = 0
    for segment in network:
        closed = segment["capacity_vph"] <= 0
        for hour, level in enumerate(SHARES):
            flow, hours = (0.0, 0.0) if closed else solution[level][place]
            speed = segment["length_m"] / 1000 / hours if hours else segment["freeflow_kmh"]
            for minute in (0, 15, 30, 45):
                for name, share in FLEET:
                    vehicles = flow * share / 4
                    rows.append(
                        {
                            "segmentId": segment["segmentId"],
                            "quarter": f"{hour:02}:{minute:02}",
                            "vehicleType": name,
                            "intensity": vehicles,
                            "averageVehicleSpeed": speed,
                            "vehicleHours": vehicles * hours,
                        }
                    )
        if not closed:
            place += 1
    return rows
