"""Secrets come from systemd or from files that only we can read."""

from pathlib import Path

import pytest

from config.secrets import LARGEST, SecretError, secret


@pytest.fixture(autouse=True)
def _no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def put(folder: Path, data: bytes, mode: int = 0o600) -> None:
    (folder / "secrets").mkdir()
    file = folder / "secrets" / "mqtt-password"
    file.write_bytes(data)
    file.chmod(mode)


def test_a_secret_is_the_content_of_its_file_without_the_last_line_end(tmp_path: Path) -> None:
    put(tmp_path, b" hush \r\n")
    assert secret("mqtt-password", tmp_path) == b" hush "


def test_no_file_is_no_secret(tmp_path: Path) -> None:
    assert secret("mqtt-password", tmp_path) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_secret_that_others_can_reach_is_refused_and_not_repeated(
    mode: int, tmp_path: Path
) -> None:
    put(tmp_path, b"hush", mode)
    with pytest.raises(SecretError, match="run `chmod 600 ") as caught:
        secret("mqtt-password", tmp_path)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\n", b"x" * (LARGEST + 1)])
def test_a_secret_of_no_use_is_refused(data: bytes, tmp_path: Path) -> None:
    put(tmp_path, data)
    with pytest.raises(SecretError, match=f"write 1 to {LARGEST}"):
        secret("mqtt-password", tmp_path)


def test_a_secret_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "secrets" / "mqtt-password").mkdir(parents=True)
    with pytest.raises(SecretError, match="cannot be read"):
        secret("mqtt-password", tmp_path)


def test_a_systemd_credential_goes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, b"of the file")
    (tmp_path / "mqtt-password").write_bytes(b"of systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert secret("mqtt-password", tmp_path) == b"of systemd"


def test_without_such_a_credential_the_file_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, b"of the file")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert secret("mqtt-password", tmp_path) == b"of the file"
