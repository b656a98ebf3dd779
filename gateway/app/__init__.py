"""The composition root: the only place that knows all the parts."""

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from config.sections import Config, Store
from gateway.api.calls import OF_A_BRANCH
from gateway.api.health import Health
from gateway.api.metrics import Metrics, Read, bytes_written
from gateway.api.server import Server
from gateway.app import branch_sensors, report
from gateway.app.alerts import Alerts
from gateway.app.announcing import announcing
from gateway.app.night import Nights
from gateway.app.notify import Channels
from gateway.app.ports import Ports
from gateway.app.reloading import Reloading, Reread
from gateway.app.serving import LEDGER, Serving
from gateway.app.upstream import Upstream
from gateway.bridge import READERS, File, Readers, Writer
from gateway.bus import Bus
from gateway.clock import SystemClock, boot_id, dated
from gateway.core.bins import Bins
from gateway.core.events import Change, Event
from gateway.core.findings import Finding
from gateway.core.forecast import Forecast
from gateway.core.occupancy import HOLD
from gateway.core.opening import Opening
from gateway.core.trail import Trails
from gateway.forecasting import Forecasting
from gateway.inbox import Inbox, Swap
from gateway.jobs import follow, schedule
from gateway.messages import encode_update
from gateway.pipeline import restart
from gateway.pipeline.calibrations import Calibrations
from gateway.pipeline.judge import Judge
from gateway.pipeline.loop import Pipeline
from gateway.pipeline.previews import Previews
from gateway.pipeline.recorder import HISTORY, Recorder
from gateway.ports.addresses import ANY_HOST
from gateway.recordings import Recordings
from gateway.samples import Samples
from gateway.store import marks, schema
from gateway.store.branch import Branch
from gateway.store.calibrations import Version
from gateway.store.history import HistoryFile, Past
from gateway.store.lock import Lock
from gateway.supervision import Supervisor, Systemd
from sensors.sample import Sample

GRACE = 60.0  # seconds a bin waits beyond the longest patience before it is closed
STUCK_AFTER = 10.0  # seconds without a round of the pipeline or the writer: not ready

log = logging.getLogger(__name__)


class Gateway:
    """One running gateway: made from a configuration, run until told to stop."""

    def __init__(self, config: Config, reread: Reread) -> None:
        """Open and continue what is stored; `reread` gives the configuration as it is by then.

        Raises NewerSchemaError, sqlite3.Error, OSError: what is wrong with the files, or that
        another gateway writes to them.
        """
        self._config = config
        self.reloading = Reloading(config, reread, self._swap)
        self.folder = Path(config.store.history).parent
        self._boot = boot_id()
        self._bus, self._inbox = Bus(), Inbox()
        self._samples, self._trails = Samples(), Trails()
        self._supervisor, self._systemd = Supervisor(), Systemd()
        self._open_files(config.store)
        self._go_on_from(self._history.past)
        self._put_together(config)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. An error of the pipeline or the store ends it."""
        async with AsyncExitStack() as undo:
            self._writer.start()
            undo.callback(self._lock.free)
            undo.callback(self._writer.stop)  # last: the last to close a file folds its WAL in
            undo.callback(self._readers.stop)
            await self._server.open()  # a taken port is no start, and no sign of life
            undo.push_async_callback(self._server.stop)
            await self._record_the_start()
            await self._calibrations.load()
            await self._alerts.load()
            if self._upstream is not None:
                await self._upstream.load()
            await self._serving.let_sensors_in()
            await self._server.serve()
            undo.push_async_callback(self._stop_ports, stop)
            removed = await self._readers.run(self._removed_machines)
            status = self._ports.status_topics(self._sensors.machines, removed, self._message)
            self._bus.listen(status.ring)
            self._bus.listen(self._alerts.ringing.ring)
            zone = self._config.branch.timezone
            self._bus.listen(self._forecasting.ring)
            if self._upstream is not None:
                self._bus.listen(self._upstream.ring)
            jobs = schedule(zone, self._nights.work, self._each_minute)
            undo.callback(jobs.shutdown)
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._pipeline.run(), name="pipeline"),
                    tasks.create_task(self._supervisor.keep("status topics", status.run)),
                    tasks.create_task(self._supervisor.keep("alerts", self._alerts.ringing.run)),
                    tasks.create_task(self._supervisor.keep("deliveries", self._alerts.deliver)),
                    tasks.create_task(self._supervisor.keep("forecast", self._forecasting.run)),
                    tasks.create_task(
                        self._supervisor.keep("jobs", partial(follow, jobs, self._clock.wall))
                    ),
                    tasks.create_task(self._systemd.feed(self._all_moved)),
                ]
                if (announce := announcing(self._config)) is not None:
                    running.append(tasks.create_task(self._supervisor.keep("mdns", announce)))
                if self._upstream is not None:
                    running += self._upstream.start(tasks, self._supervisor)
                self._ports.start(tasks)
                self._systemd.tell("READY=1")
                log.info("%s; stop with Ctrl-C or SIGTERM", self._where())
                await stop.wait()
                self._systemd.tell("STOPPING=1")
                self._ports.cancel()
                for task in running:
                    task.cancel()
            await self._pipeline.commit()
            await self._alerts.ringing.stop()
            await self._forecasting.stop()
            await self._recorder.stop()
            await self._serving.credentials.note_use()

    # --- putting it together ------------------------------------------------------------------

    def _open_files(self, store: Store) -> None:
        history, ledger = Path(store.history).resolve(), Path(store.ledger).resolve()
        self._lock = Lock(history)
        with schema.readable(history):
            self._history = HistoryFile(history, self._boot)
        with schema.readable(ledger):
            self._ledger = schema.open_to_write(ledger, schema.ledger)
        files = {
            HISTORY: File(self._history.conn, history),
            LEDGER: File(self._ledger, ledger),
        }
        self._writer = Writer(files, store.sync_within)
        self._readers = Readers(partial(schema.open_to_read, history))

    def _go_on_from(self, past: Past) -> None:
        """Machines, sensors and bins, as an earlier process left them."""
        branch = self._config.branch
        newest = past.alive.wall if past.alive else 0.0
        self._clock = SystemClock(trusted=branch.clock == "trusted", newest_stored=newest)
        self._opening = Opening(branch.opening_hours, branch.holidays, branch.timezone)
        self._sensors = sensors = branch_sensors.build(self._config, self._hold_until)
        self._first_changes = restart.resume(
            past, sensors.machines, sensors.hearings, sensors.stale_after, self._clock
        )
        grace, now = sensors.patience + GRACE, self._clock.monotonic()
        self._bins = Bins(
            sensors.stale_after, grace, now, past.next_bin, past.counted, past.reached
        )
        restart.rebuild(past, self._bins)

    def _put_together(self, config: Config) -> None:
        history, sensors, clock = self._history, self._sensors, self._clock
        self._recordings = Recordings(clock.monotonic, lambda at: at + clock.offset)
        self._model = Branch(
            config,
            restart.shown(history.past, clock),
            history.cursor,
            self._bins,
            clock,
            self._opening,
            self._readers.run,
        )
        self._recorder = Recorder(self._writer, history, sensors.machines, clock, self._boot)
        judge = Judge(sensors.machines, sensors.hearings, clock, self._watch)
        self._pipeline = Pipeline(
            self._inbox,
            judge.take,
            self._recorder,
            self._bins,
            clock,
            self._publish,
            self._redated,
            config.store.commit_within,
        )
        self._pipeline.stepped = judge.stepped
        self._ports = Ports(config, sensors, self._inbox, clock, self._supervisor)
        self._serving = Serving(config, self._writer, self._ledger, clock, self._inbox, self._ports)
        admin = {
            "sensors": self._show_sensors,
            "samples": self._show_samples,
            "broker": lambda _query: self._ports.broker_login(),
        }
        self._metrics = Metrics()
        self._look = report.looker(self._opening, clock)
        self._calibrations = Calibrations(sensors.hearings, self._serving.write, clock.wall)
        forecast = Forecast(ZoneInfo(config.branch.timezone), self._opening.is_open)
        self._forecasting = Forecasting(
            forecast,
            self._model,
            clock,
            self._serving.write,
            _replaced(config),
        )
        self._model.foretell_with(self._forecasting.predict)
        self._alerts = Alerts(
            config,
            self._model,
            clock,
            self._opening,
            self._readers.run,
            self._serving.write,
            Channels(config, clock.wall, self._ports.publish),
            self._metrics.attempt,
        )
        self._serving.credentials.when_gone(self._alerts.forget_members)
        forget = {
            "forget members": self._serving.credentials.forget_the_gone,
            "forget alerts": self._alerts.drop_old,
        }
        self._nights = Nights(lambda: self._config.store, clock, self._writer, forget)
        self._upstream = self._chain(config)
        backing = self._serving.backing(
            self._upstream.model if self._upstream else self._model,
            self._bus,
            self._health,
            self._metrics,
            admin,
            self._alerts,
            self._report_sensors,
            self._calibrations,
            partial(report.newer_samples, self._samples, self._clock),
            self._recordings,
            Previews(sensors.hearings, self._trails, clock.monotonic).of,
            self.reloading.reload,
            self._upstream,
        )
        self._server = Server(backing, OF_A_BRANCH)
        self._metrics.ask(**self._sources(), **self._alerts.counts())
        if self._upstream is not None:
            self._metrics.ask(**self._upstream.counts())
        self._writer.timed = self._readers.timed = self._metrics.timings.add

    def _chain(self, config: Config) -> Upstream | None:
        section = config.upstream
        if section is None:
            return None
        upstream = Upstream(
            config,
            section,
            self._model,
            self._clock,
            self._readers.run,
            self._serving.write,
            self._show_anew,
        )
        self._recorder.stored = upstream.stored
        return upstream

    def _show_anew(self) -> None:
        self._server.forget()

    async def _stop_ports(self, stop: asyncio.Event) -> None:
        """After a fault the broker stays: it holds what we have not acknowledged."""
        if stop.is_set():
            await self._ports.stop()

    def _sources(self) -> dict[str, Read]:
        """Whom the metrics ask."""
        return {
            "machines": self._model.counts,
            "streams": lambda: Counter(v.framing.transport for v in self._server.hub.streams()),
            "deliveries": self._server.hub.deliveries,
            "drops": self._server.hub.drops,
            "ingest_messages": lambda: self._inbox.heard,
            "events": lambda: self._recorder.events,
            "commits": lambda: self._writer.commits,
            "queue_depth": lambda: {
                "inbox": len(self._inbox),
                "writer": self._writer.waiting,
                "readers": max(0, self._readers.waiting - READERS),
            },
            "readers_busy": lambda: min(self._readers.waiting, READERS),
            "readers": lambda: READERS,
            "port_up": lambda: {s.id: s.state == "up" for s in self._ports.states()},
            "ingest_dropped": lambda: {s.id: sum(s.dropped.values()) for s in self._ports.states()},
            "findings": lambda: Counter(
                finding.value for found in self._findings().values() for finding in found
            ),
            "bytes_written": bytes_written,
        }

    # --- another configuration ----------------------------------------------------------------

    async def _swap(self, config: Config) -> None:
        """Between two words of the sensors; who reads the log sees it in its place."""
        was, done = self._config, asyncio.Event()
        versions = await self._calibrations.stored()
        self._forecasting.follow(_replaced(config))  # before it hears of a new machine
        self._inbox.put(Swap(partial(self._become, config, versions), done.set))
        await done.wait()
        await self._ports.listen()
        await self._writer.run(HISTORY, lambda c: marks.forget_others(c, self._sensors.hearings))
        await self._alerts.reconfigure(config)
        if self._upstream is not None:
            self._upstream.reconfigure(config)
        self._pipeline.commit_within = config.store.commit_within
        if _served(was) != _served(config):
            await self._server.reconfigure(config)
        if was.machines != config.machines or was.categories != config.categories:
            self._server.reset_streams("configuration")

    def _become(self, config: Config, versions: Iterable[Version]) -> list[Change]:
        was, self._config = self._config, config
        self._opening.change(config.branch.opening_hours, config.branch.holidays)
        self._model.reconfigure(config)
        self._ports.show(config)
        now = self._clock.monotonic()
        changes = branch_sensors.swap(self._sensors, was, config, self._hold_until, now)
        self._calibrations.apply(versions)
        self._trails.keep_only(self._sensors.hearings)
        self._bins.follow(self._sensors.stale_after, self._sensors.patience + GRACE)
        return changes

    # --- what the parts call back -----------------------------------------------------------

    def _watch(self, sensor: str, sample: Sample, at: float) -> None:
        self._samples.add(sensor, sample, at)
        self._trails.add(sensor, sample.active, sample.levels, at)
        self._recordings.add(sensor, sample, at)

    def _publish(self, events: Sequence[Event]) -> None:
        self._model.apply(events)
        self._bus.publish(events)

    def _redated(self, seconds: float) -> None:
        """Times that were shown are other ones now: memory follows, streams begin anew."""
        self._model.redate(seconds)
        self._alerts.ringing.redate(seconds)
        self._server.reset_streams("clock")

    def _message(self, machine: str) -> bytes:
        return encode_update(self._model.machine(self._config.branch.id, machine))

    def _hold_until(self, at: float) -> float:
        offset = self._clock.offset
        return self._opening.after_open_seconds(at + offset, HOLD) - offset

    async def _record_the_start(self) -> None:
        await self._writer.run(HISTORY, lambda c: marks.forget_others(c, self._sensors.hearings))
        changes = dated(self._first_changes, self._clock)
        events = await self._recorder.record(changes, {}, alive=True)
        for change in self._first_changes:
            self._bins.take(change)
        self._publish(events)

    def _removed_machines(self, conn: sqlite3.Connection) -> list[str]:
        stored = [name for (name,) in conn.execute("SELECT machine FROM machines")]
        return [name for name in stored if name not in self._sensors.machines]

    def _where(self) -> str:
        http = self._config.http
        host = "localhost" if http.host in ANY_HOST else http.host
        return f"{self._config.branch.name} is on http://{host}:{self._server.port}/"

    # --- health -----------------------------------------------------------------------------

    def _health(self) -> Health:
        now = self._clock.monotonic()
        stuck = {
            name: f"{name} has not moved for {now - moved:.0f} s"
            for name, moved in (
                ("pipeline", self._pipeline.moved_at),
                ("writer", self._writer.moved_at),
            )
            if now - moved > STUCK_AFTER
        }
        parts = stuck | self._supervisor.faults | self._ports.problems()
        if self._upstream is not None:
            parts |= self._upstream.problems()
        if not self._clock.synchronised:
            parts["clock"] = "not synchronised: ages and quiet hours cannot be told; check NTP"
        if self._inbox.refused:
            parts["inbox"] = f"{self._inbox.refused} readings were refused: the disk is too slow"
        return Health(
            ready=not stuck,
            degraded=bool(parts),
            parts=parts,
            details={
                "ports": report.ports_report(self._ports.states(), self._clock),
                "sensors": report.remarks_report(self._sensors.hearings, self._sensors.decoders),
                "findings": self._findings(),
                **({"upstream": self._upstream.brief()} if self._upstream else {}),
            },
        )

    async def _all_moved(self, within: float) -> bool:
        oldest = self._clock.monotonic() - within
        moved = min(self._pipeline.moved_at, self._writer.moved_at) > oldest
        return moved and await self._server.answers()

    def _findings(self) -> dict[str, list[Finding]]:
        return report.findings_report(self._sensors.hearings, self._look)

    def _report_sensors(self) -> dict[str, object]:
        return report.sensors_report(
            self._config,
            self._sensors.hearings,
            self._sensors.decoders,
            self._clock,
            self._look,
        )

    def _show_sensors(self, _query: object) -> object:
        return self._report_sensors() | {
            "ports": report.ports_report(self._ports.states(), self._clock)
        }

    def _show_samples(self, query: Mapping[str, str]) -> object:
        return report.samples_report(self._samples, query, self._clock)

    async def _each_minute(self) -> None:
        self._server.look_at_the_certificate()


def _replaced(config: Config) -> dict[str, str]:
    """Machine → the one of the past that it stands in for."""
    return {machine.id: machine.replaces for machine in config.machines if machine.replaces}


def _served(config: Config) -> tuple[object, ...]:
    """What requests are answered by, besides the model."""
    return config.http, config.limits, config.branch, config.kiosk
