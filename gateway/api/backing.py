"""What the API stands on; the composition root fills it in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from config.sections import Config
from gateway.api.admin import AdminHandler
from gateway.api.alerts import Desk
from gateway.api.alerts_local import AllAlerts, Test
from gateway.api.audience import Audience
from gateway.api.credentials import Credentials, Write
from gateway.api.health import Health
from gateway.api.keys import Locksmith
from gateway.api.metrics import Metrics
from gateway.api.previews import Look
from gateway.api.push import Targets
from gateway.api.recordings import Recordings
from gateway.api.reload import Reload
from gateway.api.samples import Newer
from gateway.api.sensors import Calibrations
from gateway.api.service import Say
from gateway.api.upstream import Chain
from gateway.bus import Bus
from gateway.core.alerts import Alert
from gateway.core.forecast import Prediction
from gateway.readmodel import ReadModel


@dataclass(frozen=True, slots=True)
class Common:
    """What a branch's gateway and a chain's hub have alike."""

    config: Config
    model: ReadModel
    bus: Bus
    credentials: Credentials
    locksmith: Locksmith
    wall: Callable[[], float]
    audience: Audience
    seen: Callable[[str], None]
    """Hears of every member that asks something."""
    health: Callable[[], Health]
    metrics: Metrics
    admin: Mapping[str, AdminHandler]
    socket_path: Path


@dataclass(frozen=True, slots=True)
class Backing(Common):
    """Every part is used by name and by nobody but the routes that it is handed to."""

    write: Write
    """Into the ledger."""
    say: Say
    """The staff's word on a machine, into the pipeline."""
    wall_of: Callable[[float], float]
    """Monotonic seconds as epoch seconds."""
    monotonic: Callable[[], float]
    desk: Desk
    """Where members subscribe."""
    everybodys: AllAlerts
    """For who is local."""
    test_alert: Test
    targets: Targets
    push_key: Callable[[], str | None]
    """The VAPID public key."""
    foretell: Callable[[Alert], Prediction | None]
    """What is foretold of what an alert waits for."""
    sensors: Callable[[], Mapping[str, object]]
    """Every sensor, as JSON shows it."""
    calibrations: Calibrations
    samples: Newer
    recordings: Recordings
    preview: Look
    reload: Reload
    chain: Chain | None
    """None: there is no chain."""
