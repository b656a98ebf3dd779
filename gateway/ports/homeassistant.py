"""Every machine in Home Assistant, by MQTT discovery: a device with its status."""

import json
import time
from collections.abc import Callable, Iterable, Mapping

from config.sections import Machine
from gateway.core.events import Status
from gateway.ports.status_topics import Publish

BIRTH, BORN = "homeassistant/status", b"online"
AGAIN_AFTER = 5.0  # seconds: whoever says that it was born each second is told no faster
IN_USE = "{{ {'occupied': 'ON', 'free': 'OFF'}.get(value_json.status, 'None') }}"  # None: unknown


class Announcer:
    """Says at each connect, and whenever Home Assistant was born, what there is."""

    def __init__(
        self,
        gym: str,
        machines: Iterable[Machine],
        removed: Iterable[str],
        publish: Publish,
        url: str,
    ) -> None:
        """`removed` ones are cleared; `url` is the page that devices link to."""
        self._gym = gym
        self._machines = tuple(machines)
        self._removed = frozenset(removed)
        self._publish = publish
        self._url = url
        self._told_at = float("-inf")

    def become(self, machines: Iterable[Machine], url: str) -> None:
        """From now on these; who is no more is cleared with the next `all_again`."""
        self._url = url
        known, self._machines = self._machines, tuple(machines)
        ids = {machine.id for machine in self._machines}
        self._removed = (self._removed | {machine.id for machine in known}) - ids

    def all_again(self) -> None:
        """Everything, retained."""
        for name in self._removed:
            self._publish(self._topic(name), b"", retain=True)
        for machine in self._machines:
            payload = json.dumps(self._device(machine), ensure_ascii=False).encode()
            self._publish(self._topic(machine.id), payload, retain=True)

    def heard(self) -> Mapping[str, Callable[[bytes], None]]:
        """What we listen to: it tells when it has started."""
        return {BIRTH: self._hear}

    def _hear(self, payload: bytes) -> None:
        now = time.monotonic()
        if payload == BORN and now - self._told_at >= AGAIN_AFTER:
            self._told_at = now
            self.all_again()

    def withdraw(self) -> None:
        """Switched off: nothing of ours stays."""
        for name in (*self._removed, *(machine.id for machine in self._machines)):
            self._publish(self._topic(name), b"", retain=True)

    def _topic(self, machine: str) -> str:
        return f"homeassistant/device/{self._gym}-{machine}/config"

    def _device(self, machine: Machine) -> dict[str, object]:
        name = f"{self._gym}-{machine.id}"
        return {
            "device": {
                "identifiers": [name],
                "name": machine.name,
                "suggested_area": machine.category,
                "configuration_url": f"{self._url}/m/{machine.id}",
            },
            "origin": {"name": "Gym gateway"},
            "state_topic": f"gyms/{self._gym}/machines/{machine.id}/status",
            "availability_topic": f"gyms/{self._gym}/gateway/status",
            "components": {
                "in_use": {
                    "platform": "binary_sensor",
                    "unique_id": f"{name}-in-use",
                    "name": "In use",
                    "device_class": "occupancy",
                    "value_template": IN_USE,
                },
                "status": {
                    "platform": "sensor",
                    "unique_id": f"{name}-status",
                    "name": "Status",
                    "device_class": "enum",
                    "options": [status.value for status in Status],
                    "value_template": "{{ value_json.status }}",
                },
            },
        }
