"""The line to the chain's broker: comes back, says why not, and promises nothing it has not."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.ports.mqtt_client import TlsFiles
from gateway.ports.upstream_connection import HEAD, LARGEST
from gateway.ports.upstream_link import Login, UpstreamLink
from tests.chained import Broker, Relay, chain_broker, listening, relay_to
from tests.integration.conftest import Until

WILL = ("gyms/g/gateway", b"offline")


class Served:
    """A link that is run, and what it served."""

    def __init__(self, url: str, *, name: str = "gym-g", login: Login | None = None) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.link = UpstreamLink(
            name,
            login or Login(url),
            WILL,
            lambda topic, payload: self.heard.append((topic, payload)),
        )
        self.times = 0
        self.up = asyncio.Event()
        self._task = asyncio.create_task(self.link.run(self._serve))

    async def _serve(self) -> None:
        self.times += 1
        self.up.set()
        try:
            await asyncio.sleep(3600)
        finally:
            self.up.clear()

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with chain_broker(tmp_path) as broker:
        yield broker


@pytest.fixture
async def relay(broker: Broker) -> AsyncIterator[Relay]:
    async with relay_to(broker.port) as relay:
        yield relay


@pytest.fixture
async def served(relay: Relay) -> AsyncIterator[Served]:
    served = Served(relay.url)
    async with asyncio.timeout(8):
        await served.up.wait()
    yield served
    await served.end()


async def test_what_is_sent_returns_once_it_is_acknowledged(
    broker: Broker, served: Served, until: Until
) -> None:
    with listening(broker.port) as hub:
        await served.link.send("gyms/g/summary", b"{}", retain=True)
        await until(lambda: ("gyms/g/summary", b"{}") in hub.heard)
    assert served.link.state().state == "up"
    assert served.link.protocol == "5"


async def test_a_line_that_is_cut_before_the_answer_is_an_error(
    relay: Relay, served: Served, until: Until
) -> None:
    relay.swallows_answers = True
    sending = asyncio.create_task(served.link.send("gyms/g/bins", b"{}"))
    await asyncio.sleep(0.1)
    await relay.cut()
    with pytest.raises(ConnectionError):
        await sending
    await until(lambda: served.link.state().state == "down")
    relay.swallows_answers = False
    await relay.mend()
    await until(lambda: served.times == 2)


async def test_while_there_is_no_line_nothing_is_sent(relay: Relay, served: Served) -> None:
    await relay.cut()
    while served.up.is_set():
        await asyncio.sleep(0.01)
    with pytest.raises(ConnectionError):
        await served.link.send("gyms/g/bins", b"{}")


@pytest.mark.usefixtures("served")
async def test_a_broken_line_is_told_as_offline_by_the_will(
    broker: Broker, relay: Relay, until: Until
) -> None:
    with listening(broker.port) as hub:
        await relay.cut()
        await until(lambda: WILL in hub.heard)


async def test_an_orderly_end_says_offline_too(
    broker: Broker, served: Served, until: Until
) -> None:
    with listening(broker.port) as hub:
        await served.end()
        await until(lambda: WILL in hub.heard)


async def test_what_the_chain_says_is_heard(broker: Broker, served: Served, until: Until) -> None:
    served.link.subscribe([("gyms/g/request", 1)])
    with listening(broker.port) as hub:
        await asyncio.sleep(0.1)
        hub.publish("gyms/g/request", b"hello")
        await until(lambda: served.heard == [("gyms/g/request", b"hello")])


async def test_a_wrong_password_is_named(tmp_path: Path, until: Until) -> None:
    with chain_broker(tmp_path, "allow_anonymous false") as strict:
        served = Served(strict.url)
        await until(lambda: "correct its user and password" in served.link.state().problem)
        await served.end()


async def test_a_dead_line_is_named(until: Until) -> None:
    served = Served("mqtt://127.0.0.1:9")
    await until(lambda: "no broker answers at" in served.link.state().problem)
    await served.end()


async def test_a_missing_certificate_is_named(until: Until) -> None:
    login = Login("mqtts://127.0.0.1:9", tls=TlsFiles(ca="/nowhere/ca.pem"))
    served = Served("", login=login)
    await until(lambda: "No such file" in served.link.state().problem)
    await served.end()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Signed by itself: its own authority; its key beside it."""
    made = tmp_path / "chain.crt"
    subject = ("-subj", "/CN=g", "-addext", "subjectAltName=DNS:localhost")
    files = ("-keyout", str(tmp_path / "chain.key"), "-out", str(made))
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    subprocess.run([*command, *files, *subject], check=True, capture_output=True)
    return made


@pytest.fixture
def expired(certificate: Path, tmp_path: Path) -> Path:
    """The same, until yesterday."""
    key, asked = certificate.with_suffix(".key"), tmp_path / "asked"
    copied = ("openssl", "x509", "-copy_extensions", "copy", "-signkey", key)
    for more in (
        ("-x509toreq", "-in", certificate, "-out", asked),
        ("-req", "-days", "-1", "-in", asked, "-out", certificate),
    ):
        subprocess.run([*copied, *more], check=True, capture_output=True)
    return certificate


def over_tls(certificate: Path) -> str:
    key = certificate.with_suffix(".key")
    files = f"cafile {certificate}\ncertfile {certificate}\nkeyfile {key}\n"
    return f"allow_anonymous true\n{files}require_certificate true"


async def test_a_broker_may_ask_for_a_certificate_of_ours(
    tmp_path: Path, certificate: Path, until: Until
) -> None:
    tls = TlsFiles(str(certificate), str(certificate), str(certificate.with_suffix(".key")))
    with chain_broker(tmp_path, over_tls(certificate)) as strict:
        served = Served("", login=Login(f"mqtts://localhost:{strict.port}", tls=tls))
        await until(served.up.is_set)
        await served.link.send("gyms/g/summary", b"{}")
        await served.end()


async def test_an_authority_that_we_do_not_know_is_named(
    tmp_path: Path, certificate: Path, until: Until
) -> None:
    with chain_broker(tmp_path, over_tls(certificate)) as strict:
        served = Served(f"mqtts://localhost:{strict.port}")
        await until(lambda: "correct [upstream] ca" in served.link.state().problem)
        await served.end()


async def test_a_certificate_of_the_broker_s_that_has_expired_is_named(
    tmp_path: Path, expired: Path, until: Until
) -> None:
    with chain_broker(tmp_path, over_tls(expired)) as old:
        login = Login(f"mqtts://localhost:{old.port}", tls=TlsFiles(ca=str(expired)))
        served = Served("", login=login)
        await until(lambda: "certificate has expired" in served.link.state().problem)
        await served.end()


async def test_an_acl_that_forbids_a_topic_is_named_and_loses_nothing(
    tmp_path: Path, until: Until
) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read #\ntopic write gyms/g/summary\n")
    with chain_broker(tmp_path, f"allow_anonymous true\nacl_file {acl}") as strict:
        served = Served(strict.url)
        await until(served.up.is_set)
        with pytest.raises(PermissionError):
            await served.link.send("gyms/g/bins", b"{}")
        await served.link.send("gyms/g/summary", b"{}")
        state = served.link.state()
        assert (state.state, "refuses gyms/g/bins" in state.problem) == ("degraded", True)
        acl.write_text("topic readwrite #\n")
        strict.reload()
        async with asyncio.timeout(5):
            while served.link.state().state != "up":
                with suppress(PermissionError):
                    await served.link.send("gyms/g/bins", b"{}")
        assert served.link.state().problem == ""
        await served.end()


async def test_a_broker_is_told_what_is_too_large_for_us() -> None:
    first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not first.done():
            first.set_result(await reader.read(4096))
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    served = Served(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert b"\x27" + (LARGEST + HEAD).to_bytes(4, "big") in await first  # MQTT 5, 3.1.2.11.4
    await served.end()
    server.close()


async def test_what_is_too_large_for_a_broker_is_not_sent(tmp_path: Path, until: Until) -> None:
    with chain_broker(tmp_path, "allow_anonymous true\nmax_packet_size 2000") as small:
        served = Served(small.url)
        await until(served.up.is_set)
        with pytest.raises(PermissionError):
            await served.link.send("gyms/g/branch", b"x" * 2000)
        assert "refuses gyms/g/branch (it takes 1744 bytes" in served.link.state().problem
        await served.link.send("gyms/g/branch", b"x" * 1744)
        assert served.times == 1
        await served.end()


async def test_a_broker_that_speaks_311_only_is_spoken_to_so(broker: Broker, until: Until) -> None:
    """A server that refuses MQTT 5 as such brokers do, and passes 3.1.1 on to a real one."""
    relay = Relay(broker.port)

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(4096)
        if first[8] == 5:
            writer.write(b"\x20\x02\x00\x01")
            await writer.drain()
            writer.close()
            return
        far_reader, far = await asyncio.open_connection("127.0.0.1", broker.port)
        far.write(first)
        await asyncio.gather(
            relay._carry(reader, far, lambda: True), relay._carry(far_reader, writer, lambda: True)
        )

    server = await asyncio.start_server(meet, "127.0.0.1", relay.port)
    served = Served(relay.url)
    await until(served.up.is_set)
    await served.link.send("gyms/g/summary", b"{}")
    assert served.link.protocol == "3.1.1"
    await served.end()
    server.close()


async def test_two_boxes_of_one_name_do_not_evict_each_other_all_the_time(
    broker: Broker, until: Until
) -> None:
    one = Served(broker.url)
    await until(one.up.is_set)
    other = Served(broker.url)
    both = (one, other)
    await until(lambda: any("is [branch] id used twice?" in s.link.state().problem for s in both))
    assert one.times + other.times < 20
    await one.end()
    await other.end()
