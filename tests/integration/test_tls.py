import asyncio
import datetime as dt
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.api.envelope import Envelope
from gateway.api.middleware.cors import Cors
from gateway.api.tls import Tls

NAME = "gym.example.org"
PLAIN = serialization.NoEncryption()
SECRET = serialization.BestAvailableEncryption(b"passphrase")
Encryption = serialization.KeySerializationEncryption


class Files:
    """A certificate and its key, made by an authority of our own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        self.authority = folder / "authority.pem"
        self._ours = ec.generate_private_key(ec.SECP256R1())
        self.authority.write_bytes(_pem(_signed("Authority", self._ours, self._ours, ca=True)))
        self.renew()

    def renew(self, encryption: Encryption = PLAIN) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self.certificate.write_bytes(_pem(_signed(NAME, key, self._ours)))
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
            )
        )

    def load(self) -> Tls:
        return Tls(self.certificate, self.key)

    @property
    def served(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _signed(
    name: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey, ca: bool = False
) -> x509.Certificate:
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority")])
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(by, hashes.SHA256())
    )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def public(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """This system knows our authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(files.authority))


@asynccontextmanager
async def listening(tls: Tls) -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=tls.context)
    async with server:
        yield server.sockets[0].getsockname()[1]


class Client:
    """A connection that trusts everyone and looks at what it is shown."""

    async def connect(self, port: int, most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.maximum_version = most
        streams = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        self._reader, self._writer = streams
        shown: bytes = self._writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return shown

    async def echo(self) -> bytes:
        self._writer.write(b"still here\n")
        said = await self._reader.readline()
        self._writer.close()
        return said


async def test_a_replaced_certificate_is_served_to_new_clients_and_disturbs_no_old_one(
    files: Files,
) -> None:
    tls, before, after = files.load(), Client(), Client()
    old = files.served
    async with listening(tls) as port:
        assert await before.connect(port) == old
        assert not tls.reload_if_changed()
        files.renew()
        assert tls.reload_if_changed()
        assert await after.connect(port) == files.served != old
        assert await before.echo() == await after.echo() == b"still here\n"


async def test_no_client_may_speak_less_than_tls_1_2(files: Files) -> None:
    async with listening(files.load()) as port:
        await Client().connect(port, ssl.TLSVersion.TLSv1_2)
        with (
            pytest.raises(ssl.SSLError),
            pytest.warns(DeprecationWarning, match="TLSv1_1"),
        ):
            await Client().connect(port, ssl.TLSVersion.TLSv1_1)


def _no_pem(files: Files) -> None:
    files.certificate.write_text("nonsense")


def _no_key(files: Files) -> None:
    files.key.write_text("nonsense")


def _foreign_key(files: Files) -> None:
    key = files.key.read_bytes()
    files.renew()
    files.key.write_bytes(key)


def _encrypted(files: Files) -> None:
    files.renew(SECRET)


def _missing(files: Files) -> None:
    files.key.unlink()


BAD = [
    (_no_pem, "certificate.pem holds no certificate in PEM form; correct [http] tls"),
    (_no_key, "key.pem holds no private key in PEM form; correct [http] tls"),
    (_foreign_key, "key.pem does not belong to the certificate"),
    (_encrypted, "store it without a passphrase"),
    (_missing, "key.pem: No such file or directory; correct [http] tls"),
]


@pytest.mark.parametrize(("spoil", "told"), BAD)
async def test_a_bad_replacement_is_told_once_and_the_old_certificate_stays(
    files: Files, caplog: pytest.LogCaptureFixture, spoil: object, told: str
) -> None:
    tls, old = files.load(), files.served
    assert callable(spoil)
    spoil(files)
    assert [tls.reload_if_changed() for _ in range(3)] == [False] * 3
    errors = [row.getMessage() for row in caplog.records if row.levelno == logging.ERROR]
    assert len(errors) == 1
    assert told in errors[0]
    async with listening(tls) as port:
        assert await Client().connect(port) == old


@pytest.mark.parametrize(("spoil", "told"), BAD)
def test_a_start_with_bad_files_fails_and_names_them(
    files: Files, spoil: object, told: str
) -> None:
    assert callable(spoil)
    spoil(files)
    with pytest.raises(OSError, match=r"certificate|key") as caught:
        files.load()
    assert told in str(caught.value)


def test_a_good_replacement_after_a_bad_one_is_served(files: Files) -> None:
    tls = files.load()
    _foreign_key(files)
    assert not tls.reload_if_changed()
    files.renew()
    assert tls.reload_if_changed()


@pytest.mark.usefixtures("public")
def test_a_certificate_of_a_known_authority_is_publicly_trusted_for_its_name(files: Files) -> None:
    tls = files.load()
    assert tls.is_publicly_trusted(NAME)
    assert not tls.is_publicly_trusted("gym.local")
    assert not tls.is_publicly_trusted("")


def test_a_certificate_of_an_unknown_authority_is_not(files: Files) -> None:
    assert not files.load().is_publicly_trusted(NAME)


def test_trust_is_judged_anew_for_a_new_certificate(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = files.load()
    assert not tls.is_publicly_trusted(NAME)
    monkeypatch.setenv("SSL_CERT_FILE", str(files.authority))
    files.renew()
    assert tls.reload_if_changed()
    assert tls.is_publicly_trusted(NAME)


async def _told(tls: Tls, context: ssl.SSLContext | None) -> str | None:
    """The HSTS header of a reply, with TLS or without."""
    app = web.Application()
    app.on_response_prepare.append(Envelope(Cors(()), tls, NAME).prepare)
    runner = web.AppRunner(app)
    await runner.setup()
    await (site := web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)).start()
    async with ClientSession() as client, client.get(_url(site), ssl=False) as reply:
        said = reply.headers.get("Strict-Transport-Security")
    await runner.cleanup()
    return said


def _url(site: web.TCPSite) -> str:
    assert isinstance(site._server, asyncio.Server)
    port = site._server.sockets[0].getsockname()[1]
    return site.name.replace(":0", f":{port}")


@pytest.mark.usefixtures("public")
async def test_browsers_are_bound_to_tls_where_they_trust_us(files: Files) -> None:
    tls = files.load()
    assert await _told(tls, tls.context) == "max-age=15552000"
    assert await _told(tls, None) is None


async def test_browsers_are_not_bound_to_tls_that_they_warn_of(files: Files) -> None:
    tls = files.load()
    assert await _told(tls, tls.context) is None
