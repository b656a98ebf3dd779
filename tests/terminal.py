"""A real terminal (tmux) of a given size, in which a person types."""

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

PATIENCE = 20.0  # seconds
PROMPT = "$ "


class Terminal:
    """One window; what is typed and what is seen."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self._name = f"gateway-{secrets.token_hex(4)}"
        self.width = width
        env = {
            "PATH": os.environ["PATH"],
            "PS1": PROMPT,
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }
        env |= {"PYTHONPATH": str(Path(__file__).parents[1]), "HOME": str(folder)}
        size = ["-x", str(width), "-y", str(height)]
        words = ["env", "-i", *(f"{name}={value}" for name, value in env.items()), "sh"]
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, "-c", str(folder), *words)
        self.type(f'gateway() {{ {sys.executable} -m gateway "$@"; }}; clear')
        self.wait_for(PROMPT.strip(), last=True)

    def type(self, text: str) -> Self:
        """A line, and Enter."""
        self._tmux("send-keys", "-l", text)
        self.wait_for(text)  # until then the prompt before it looks like that of its end
        return self.press("Enter")

    def press(self, key: str) -> Self:
        """Such as `Enter` or `C-c`."""
        self._tmux("send-keys", key)
        return self

    def screen(self, *, joined: bool = True) -> list[str]:
        """What is seen, what has scrolled away included; `joined`: a line that wraps is one."""
        how = ["-J"] if joined else []
        text = self._tmux("capture-pane", "-p", *how, "-S", "-500").rstrip()
        return [line.rstrip() for line in text.split("\n")]

    def wait_for(self, text: str, *, last: bool = False) -> list[str]:
        """The screen, once `text` is on it (or is its last line)."""
        end = time.monotonic() + PATIENCE
        while True:
            seen = self.screen()
            if seen[-1].endswith(text) if last else any(text in line for line in seen):
                return seen
            assert time.monotonic() < end, "\n".join(seen)
            time.sleep(0.05)

    def press_until(self, key: str, text: str) -> list[str]:
        """The screen, once `text` is on it: what is pressed right after the question is dropped."""
        end = time.monotonic() + PATIENCE
        while True:
            self.press(key)
            for _ in range(10):
                seen = self.screen()
                if any(text in line for line in seen):
                    return seen
                time.sleep(0.05)
            assert time.monotonic() < end, "\n".join(seen)

    def done(self) -> list[str]:
        """The screen of a command that has ended, without the last prompt; then it is cleared."""
        seen = self.wait_for(PROMPT.strip(), last=True)[:-1]
        self.type("clear")
        time.sleep(0.2)
        self._tmux("clear-history")
        self.wait_for(PROMPT.strip(), last=True)
        return seen

    def close(self) -> None:
        self._tmux("kill-session")

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-L", self._name, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def terminal(folder: Path, width: int, height: int) -> Iterator[Terminal]:
    """A terminal that is closed at the end."""
    found = Terminal(folder, width, height)
    try:
        yield found
    finally:
        found.close()
