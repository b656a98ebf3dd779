"""Secrets: from systemd's credentials, else from files that only we can read."""

import os
import stat
from pathlib import Path

LARGEST = 4096  # bytes: a password, a key in PEM; what is larger is the wrong file
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class SecretError(OSError):
    """A secret is there and cannot be used; the text says what to do."""


def secret(name: str, folder: Path) -> bytes | None:
    """The secret, without a last line end; None if there is none.

    `$CREDENTIALS_DIRECTORY/<name>`, else `<folder>/secrets/<name>`, mode 0600.
    Raises SecretError.
    """
    if credentials := os.environ.get("CREDENTIALS_DIRECTORY"):
        found = _read(Path(credentials) / name, only_ours=False)  # systemd keeps it from others
        if found is not None:
            return found
    return _read(folder / "secrets" / name, only_ours=True)


def _read(path: Path, *, only_ours: bool) -> bytes | None:
    try:
        with path.open("rb") as file:
            mode, data = os.fstat(file.fileno()).st_mode, file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        hint = "it must be a file of the user that runs the gateway"
        raise SecretError(f"the secret {path} cannot be read ({error.strerror}): {hint}") from None
    if only_ours and mode & OTHERS:
        hint = f"run `chmod 600 {path}`, and change the secret if someone may have seen it"
        raise SecretError(f"the secret {path} can be read by others: {hint}")
    if not data.strip() or len(data) > LARGEST:
        raise SecretError(f"the secret {path} has {len(data)} bytes: write 1 to {LARGEST}")
    return data.removesuffix(b"\n").removesuffix(b"\r")
