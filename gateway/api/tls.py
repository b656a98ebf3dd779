"""TLS: a certificate that may be replaced while we serve, and whether browsers trust it."""

import logging
import os
import ssl
from pathlib import Path

HSTS = "max-age=15552000"  # seconds: half a year; who loses the certificate waits no longer.
# Said only where every browser trusts us: else it would lock out who clicked a warning away
FLIGHTS = 10  # of a handshake; TLS 1.2 needs four
SECTION = "correct [http] tls in gateway.toml"

Stamp = tuple[tuple[int, int, int], ...]

log = logging.getLogger(__name__)


class Tls:
    """Serves a certificate, and its successor as soon as it is there."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """PEM files: the certificate with its chain, and its key. Raises OSError."""
        self._certificate = certificate
        self._key = key
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._stamp = self._look()
        self._trusted: dict[str, bool] = {}
        self._complaint = ""
        self._load(self.context)

    def reload_if_changed(self) -> bool:
        """Serve a replaced certificate to whoever comes from now on; whether there was one.

        A new one that is not good is logged once, and the old one stays. To be called each
        minute: that is also how long a judgement of `is_publicly_trusted` is kept.
        """
        self._trusted.clear()
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            self._load(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))  # the live one is safe
            self._load(self.context)
        except OSError as error:
            self._complain(str(error))
            return False
        self._complaint = ""
        log.info("a new certificate is served from %s", self._certificate)
        return True

    def is_publicly_trusted(self, host: str) -> bool:
        """Whether a client that knows only this system's authorities accepts us as `host`."""
        if host not in self._trusted:
            self._trusted[host] = _shakes_hands(self.context, host)
        return self._trusted[host]

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            self._complaint = text
            log.error("%s; the certificate from before is still served", text)

    def _look(self) -> Stamp:
        """What changes when the files do; links are followed. Raises OSError."""
        stats = [_stat(path, what) for path, what in self._files()]
        return tuple((found.st_ino, found.st_size, found.st_mtime_ns) for found in stats)

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(self._certificate, self._key, password=_no_password)
        except ssl.SSLError as error:
            raise OSError(self._advice(error)) from None

    def _advice(self, error: ssl.SSLError) -> str:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"the key {self._key} does not belong to the certificate {self._certificate}"
        for path, what in self._files():
            if f"{what.upper()}-----" not in path.read_text(encoding="latin-1"):
                return f"{path} holds no {what} in PEM form; {SECTION}"
        return f"{self._certificate} and {self._key} cannot be used ({error.reason}); {SECTION}"

    def _files(self) -> tuple[tuple[Path, str], ...]:
        return ((self._certificate, "certificate"), (self._key, "private key"))


def _stat(path: Path, what: str) -> os.stat_result:
    """Raises OSError that tells what to do."""
    try:
        with path.open("rb"):
            return path.stat()
    except OSError as error:
        why = error.strerror or str(error)
        raise OSError(error.errno, f"cannot read the {what} {path}: {why}; {SECTION}") from None


def _no_password() -> str:
    raise OSError("the private key is encrypted; store it without a passphrase: openssl pkey -in …")


def _shakes_hands(context: ssl.SSLContext, host: str) -> bool:
    """A handshake in memory, with the system's authorities at the other end."""
    to_us, to_them = ssl.MemoryBIO(), ssl.MemoryBIO()
    us = context.wrap_bio(to_us, to_them, server_side=True)
    try:
        them = ssl.create_default_context().wrap_bio(to_them, to_us, server_hostname=host)
        for _ in range(FLIGHTS):
            if _ends(them):
                return True
            _ends(us)
    except (ssl.SSLError, ValueError):  # not trusted; or `host` is no name a certificate can have
        return False
    return False


def _ends(end: ssl.SSLObject) -> bool:
    """One flight; whether it was the last."""
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
