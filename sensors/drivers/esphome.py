"""ESPHome devices over MQTT: a component's state, and the node's status."""

from sensors.decoder import driver
from sensors.fields import LARGEST, FieldsDecoder, Property, number, relay, sample, there, truth
from sensors.sample import Saying

STATUS, STATE = "/status", "/state"
DEPTH = 3  # levels behind the node's prefix: component, name, `state`
RELAYS = ("switch", "light", "fan", "output")
NOT_KNOWN = {"", "nan", "unknown", "unavailable"}


class EspHomeDecoder(FieldsDecoder):
    """`PREFIX/binary_sensor/NAME/state` with ON or OFF, `…/sensor/NAME/state` with a number."""

    def feed(self, data: bytes, topic: str = "") -> list[Saying]:
        """Take one message."""
        if len(data) > LARGEST:
            return self.drop("too_large")
        if topic.endswith(STATUS):
            return there(data, self.drop)
        word = data.decode(errors="replace").strip()
        if word.lower() in NOT_KNOWN:
            return [sample(None)] if word else []
        component = topic.split("/")[-DEPTH] if topic.count("/") >= DEPTH else ""
        if component in RELAYS:
            return self._relay(word)
        return self._state(word)

    def _relay(self, word: str) -> list[Saying]:
        on = relay(word)
        return self.drop("unknown_word") if on is None else [sample(None, {"relay": float(on)})]

    def _state(self, word: str) -> list[Saying]:
        active = word in self._options.on if self._options.on is not None else truth(None, word)
        if active is not None:
            return [sample(active is not self._options.invert)]
        try:
            value = number(float(word))
        except ValueError:
            value = None
        return self.drop("unknown_word") if value is None else [sample(None, strength=value)]


def topics(topic: str, _options: Property) -> tuple[str, ...]:
    """The component's state, and whether its node is there."""
    prefix = topic.split("/")[:-DEPTH]
    return (topic, "/".join(prefix) + STATUS) if prefix and topic.endswith(STATE) else (topic,)


DRIVER = driver("esphome", "mqtt", "ESPHome devices", Property, EspHomeDecoder, topics)
