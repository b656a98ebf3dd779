"""What the gateway counts and measures, as Prometheus reads it."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple

import prometheus_client
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from gateway.api.operation import Operation
from gateway.api.query import no_parameters
from gateway.core.access import Role

SLOW = 0.2  # seconds: a tenth of what the slowest request of ours may take
SILENCE = 60.0  # seconds between two lines about the same slow statement
DELIVERY_BUCKETS = (0.1, 0.5, 2.0, 10.0)  # seconds: an attempt ends after ten
REQUEST_BUCKETS = (0.005, 0.025, 0.1, 0.5, 2.0)  # seconds; few: each is a line for each route
STATEMENT_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5)  # seconds
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
IO = Path("/proc/self/io")

Read = Callable[[], float | Mapping[str, float]]
"""What is so now: one number, or one for each value of the label."""

log = logging.getLogger(__name__)
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # a third of all lines


class Known(NamedTuple):
    """Something that somebody else counts and that we ask for when we are asked."""

    name: str
    text: str
    kind: Literal["gauge", "counter"]
    label: str | None = None


KNOWN = (
    Known("machines", "Machines by status.", "gauge", "status"),
    Known("streams", "Live streams that are open.", "gauge", "transport"),
    Known("deliveries", "Events written to live streams.", "counter", "transport"),
    Known("drops", "Events coalesced away while a client did not read.", "counter", "transport"),
    Known("ingest_messages", "Messages and readings heard.", "counter"),
    Known("ingest_dropped", "What was heard and could not be used.", "counter", "port"),
    Known("events", "Changes of status that were stored.", "counter"),
    Known("commits", "Transactions of the writer.", "counter"),
    Known("queue_depth", "What waits.", "gauge", "queue"),
    Known("readers_busy", "Threads that read the database now.", "gauge"),
    Known("readers", "Threads that can.", "gauge"),
    Known("port_up", "1 while the port is up.", "gauge", "port"),
    Known("findings", "Sensors that somebody should look at.", "gauge", "finding"),
    Known("alerts", "Alerts that wait to ring.", "gauge"),
    Known("rings", "Alerts that rang.", "counter"),
    Known(
        "silences", "Alerts that did not ring although a machine became free.", "counter", "reason"
    ),
    Known("chain_consumes", "1 while this hub is the one that consumes.", "gauge"),
    Known("chain_branches", "Branches that described themselves.", "gauge"),
    Known("chain_silent", "Branches that nobody hears.", "gauge"),
    Known("chain_counts", "What the consuming hub has counted.", "counter", "what"),
    Known("upstream_up", "1 while the chain's broker has us.", "gauge"),
    Known("upstream_connections", "Connections to the chain's broker so far.", "counter"),
    Known("upstream_backlog_rows", "Bins that wait for the chain.", "gauge"),
    Known("upstream_backlog_bytes", "What they take in the ledger.", "gauge"),
    Known("upstream_oldest_seconds", "Age of the oldest of them; 0 without any.", "gauge"),
    Known("upstream_rows", "What became of bins on their way to the chain.", "counter", "outcome"),
    Known("upstream_summaries", "Live summaries that were acknowledged.", "counter"),
    Known("siblings", "Other branches of the chain that are known.", "gauge"),
    Known("bytes_written", "Bytes this process sent to storage.", "counter"),
)


class Timings:
    """How long named SQL statements take; from any thread. Slow ones are logged.

    The names stand in the code, never in a request: so there are few of them.
    """

    def __init__(self, registry: CollectorRegistry, slow: float = SLOW) -> None:
        self._seconds = Histogram(
            "gateway_statement_seconds",
            "Duration of named SQL statements.",
            ["statement"],
            buckets=STATEMENT_BUCKETS,
            registry=registry,
        )
        self._slow = slow
        self._known: dict[str, Histogram] = {}
        self._told: dict[str, float] = {}

    def time(self, name: str) -> "Timing":
        """`with timings.time("events_after"): …`."""
        return Timing(self, name)

    def add(self, name: str, seconds: float) -> None:
        """Take note of one run."""
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._seconds.labels(name)
        found.observe(seconds)
        if seconds >= self._slow:
            self._complain(name, seconds)

    def _complain(self, name: str, seconds: float) -> None:
        now = time.monotonic()
        if now - self._told.get(name, -SILENCE) >= SILENCE:
            self._told[name] = now
            log.warning("the statement %s took %.0f ms", name, seconds * 1000)


class Timing:
    """One run of a statement."""

    __slots__ = ("_began", "_name", "_timings")

    def __init__(self, timings: Timings, name: str) -> None:
        self._timings = timings
        self._name = name

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timings.add(self._name, time.perf_counter() - self._began)


class Metrics:
    """Everything in one registry of our own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._sources: dict[str, Read] = {}
        self.registry.register(_Asked(self._sources))
        prometheus_client.ProcessCollector(registry=self.registry)  # CPU, memory, descriptors
        self.timings = Timings(self.registry)
        self._requests = Counter(
            "gateway_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "gateway_request_seconds",
            "Time from a request to the last byte handed to the kernel; streams are left out.",
            ["method", "route"],
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
        )
        self._attempts = Histogram(
            "gateway_delivery_seconds",
            "Attempts to carry a ring out of the house, by what came of them.",
            ["channel", "outcome"],
            buckets=DELIVERY_BUCKETS,
            registry=self.registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def ask(self, **sources: Read) -> None:
        """Whom to ask when we are asked: a name in KNOWN → who knows. Others are left out."""
        unknown = sources.keys() - {known.name for known in KNOWN}
        if unknown:
            raise ValueError(f"no such metrics: {', '.join(sorted(unknown))}")
        self._sources |= sources

    def request(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """Count a request; `route` is a pattern, `seconds` None for a stream."""
        found = self._children.get((method, route, status))
        if found is None:
            found = self._new_child(method, route, status)
        found[0].inc()
        if seconds is not None:
            found[1].observe(seconds)

    def attempt(self, channel: str, outcome: str, seconds: float) -> None:
        """Count an attempt to carry a ring out of the house."""
        self._attempts.labels(channel, outcome).observe(seconds)

    def _new_child(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        named = method if method in METHODS else "other"
        counter = self._requests.labels(named, route, str(status))
        found = (counter, self._seconds.labels(named, route))
        if named == method:  # what clients make up is not remembered
            self._children[method, route, status] = found
        return found


class _Asked:
    """A collector that asks its sources only when it is asked itself."""

    def __init__(self, sources: Mapping[str, Read]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        for known in KNOWN:
            if known.name in self._sources:
                yield _family(known, self._sources[known.name]())


def _family(known: Known, found: float | Mapping[str, float]) -> Metric:
    kind = GaugeMetricFamily if known.kind == "gauge" else CounterMetricFamily
    labels = [known.label] if known.label else []
    family = kind(f"gateway_{known.name}", known.text, labels=labels)
    values = found.items() if isinstance(found, Mapping) else [(None, found)]
    for label, value in values:
        family.add_metric([] if label is None else [label], value)
    return family


def bytes_written(path: Path = IO) -> float:
    """What this process sent to storage so far; 0 where the kernel does not tell."""
    with suppress(OSError, ValueError):
        for line in path.read_text(encoding="ascii").splitlines():
            if line.startswith("write_bytes:"):
                return float(line.partition(":")[2])
    return 0.0


class MetricsRoutes:
    """`/metrics`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="GET",
                path="/metrics",
                handler=self.show_metrics,
                summary="Counters and durations in Prometheus' text format",
                tag="Health",
                media="text/plain",
                who=Role.METRICS,
            )
        ]

    async def show_metrics(self, request: web.Request) -> web.Response:
        """Everything, as of now."""
        no_parameters(request)
        return web.Response(
            body=generate_latest(self._metrics.registry),
            headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-store"},
        )
