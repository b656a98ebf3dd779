"""Puts a ring into words, and hands it to the member's open streams."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.core.alerts import Alert
from gateway.core.errors import UnknownIdError
from gateway.core.events import Status
from gateway.core.rings import Firing
from gateway.messages import Alternative, encode_alert
from gateway.readmodel import MachineView, ReadModel

MOST_ALTERNATIVES = 3  # machines: more than fit on a lock screen

Tell = Callable[[str, bytes], bool]
"""(member, JSON) → whether one of its streams was written to."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What all who hear of one edge at one moment are told alike."""

    edge: tuple[str, int]
    at: float
    view: MachineView
    others: Sequence[Alternative]


class Telling:
    """An edge that rings for thousands is looked up once."""

    def __init__(self, model: ReadModel, tell: Tell) -> None:
        self._model = model
        self._tell = tell
        self._scene: Scene | None = None

    def tell(self, firing: Firing) -> bool:
        """Write it to the member's open streams; False: none of them reads."""
        return self._tell(firing.alert.member, self.message(firing))

    def message(self, firing: Firing) -> bytes:
        """SPEC's `alert`."""
        scene = self.scene(firing)
        return encode_alert(firing, scene.view, scene.others, firing.alert.expires)

    def scene(self, firing: Firing) -> Scene:
        """The machine and what else is free there."""
        known = self._scene
        if known is None or (known.edge, known.at) != (firing.edge, firing.at):
            known = self._scene = self._look(firing)
        return known

    def first_of(self, alert: Alert) -> MachineView:
        """A machine that it waits for. Raises UnknownIdError: none is left."""
        for view in self._model.snapshot().machines:
            if alert.machine == view.machine or alert.category == view.category:
                return view
        raise UnknownIdError("machine", alert.machine or alert.category or "")

    def _look(self, firing: Firing) -> Scene:
        views = {view.machine: view for view in self._model.snapshot().machines}
        view = views[firing.machine]
        free = [
            Alternative(machine_id=other.machine, name=other.name)
            for other in views.values()
            if other.category == view.category and other.status is Status.FREE and other != view
        ]
        return Scene(firing.edge, firing.at, view, free[:MOST_ALTERNATIVES])
