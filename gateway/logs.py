"""The log: text for a person at a terminal, else one JSON object a line; no secret in either."""

import json
import logging
import os
import re
import select
import sys
from pathlib import Path
from typing import TextIO

FIELDS = ("requestId", "method", "route", "status", "category", "latencyMs")
"""What a record may carry as `extra`."""
LONGEST = (
    4_000  # characters of a message, and four times that of a traceback: journald cuts at 48 K
)
LEVELS = {10: 7, 20: 6, 30: 4, 40: 3, 50: 2}  # ours → syslog's
QUIET = {"apscheduler": logging.WARNING}

_SECRETS = re.compile(
    r"""(?ix)
    (?P<token>\bgw[a-z]_)[\w-]+                                       # ours, wherever they stand
    | (?P<value>\b(?:ticket|token|secret|password|api_?key|auth)["']?\s?[:=]\s?["']?)[^\s&"'#,;]+
    | (?P<header>\b(?:(?:proxy-)?authorization|(?:set-)?cookie|x-api-key)['"]?\s*[:=,]\s*).+
    | (?P<scheme>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}
    | (?P<url>://[^\s/:@]*:)[^\s/@]+(?=@)
    """
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def log_to_stderr(*, verbose: bool) -> None:
    """Have everything that is logged written to standard error."""
    stream = sys.stderr or Path(os.devnull).open("w", encoding="ascii")  # noqa: SIM115  for good
    handler = Unhurried(stream)
    handler.setFormatter(formatter_for(stream))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)


class Unhurried(logging.StreamHandler[TextIO]):
    """Drops lines, and says how many, while nobody reads them: a full pipe must not stop us."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line in pieces that a pipe with room takes whole, or not at all."""
        try:
            line = self.format(record)
            if self._dropped:
                line = f"{line}\n({self._dropped} lines were dropped: nobody read them)"
            self._dropped = 0 if self._written(f"{line}\n".encode()) else self._dropped + 1
        except OSError:  # the reader is gone: there is nobody to tell
            self._dropped += 1
        except Exception:  # noqa: BLE001  what cannot be formatted is the library's to report
            self.handleError(record)

    def _written(self, data: bytes) -> bool:
        place = self.stream.fileno()
        for start in range(0, len(data), select.PIPE_BUF):
            if not select.select((), (place,), (), 0)[1]:
                return False
            os.write(place, data[start : start + select.PIPE_BUF])
        return True


def formatter_for(stream: TextIO) -> logging.Formatter:
    """Text on a terminal, else JSON; behind `<level>` only where the journal reads it.

    The journal takes that prefix off, so that `journalctl -p err` works and `-o cat` is pure
    JSON; anywhere else it would spoil the line.
    """
    return Text() if stream.isatty() else Json(prefix=_is_journal(stream))


class Text(logging.Formatter):
    """`INFO gateway.app: what happened`, and a traceback below."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Without what would move a terminal's cursor."""
        return _CONTROL.sub("�", without_secrets(super().format(record)))


class Json(logging.Formatter):
    """`{"time": …, "level": "info", "logger": …, "message": …}` and what else is known."""

    def __init__(self, *, prefix: bool = False) -> None:
        super().__init__()
        self._prefix = prefix

    def format(self, record: logging.LogRecord) -> str:
        """`time` in epoch seconds."""
        said: dict[str, object] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _shortened(without_secrets(record.getMessage()), LONGEST),
        }
        known = vars(record)
        said |= {name: known[name] for name in FIELDS if known.get(name) is not None}
        if record.exc_info:
            text = self.formatException(record.exc_info)
            said["exception"] = _shortened(without_secrets(text), 4 * LONGEST)
        line = json.dumps(said, default=str)
        return f"<{LEVELS.get(record.levelno, 6)}>{line}" if self._prefix else line


def without_secrets(text: str) -> str:
    """The text with `…` in place of tokens, passwords and the headers that carry them."""
    return _SECRETS.sub(lambda found: f"{found[found.lastgroup or 0]}…", text)


def _shortened(text: str, most: int) -> str:
    """The end of a traceback says what happened, the beginning of a message what it is about."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} … {text[-most // 2 :]}"


def _is_journal(stream: TextIO) -> bool:
    """Whether systemd told us, in JOURNAL_STREAM, that this stream is the journal's."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
