"""The chain's brokers with the configurations we ship: real processes, on loopback, over TLS."""

import contextlib
import http
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.process import free_port

CONFIGS = Path(__file__).parents[1] / "config/chain"
RABBITMQ = Path("/usr/lib/rabbitmq/bin")
BRANCHES = ("hk-central", "hk-north")
STARTS_WITHIN = 60.0  # seconds; RabbitMQ takes ten
EXAMPLE = "hk-central"  # the branch of the configurations


@dataclass
class Chain:
    """A running broker; `ports[n]` is node n's, for MQTT over TLS on `localhost`."""

    authority: Path
    ports: list[int]
    nodes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def kill(self, node: int) -> None:
        """As a power cut would."""
        self.nodes[node].kill()
        self.nodes[node].wait()


def password(user: str) -> str:
    """Of any user of theirs."""
    return f"secret of {user}"


@contextlib.contextmanager
def mosquitto_chain(folder: Path, branches: Sequence[str] = BRANCHES) -> Iterator[Chain]:
    """One mosquitto."""
    chain = Chain(_certificate(folder), [free_port()])
    shutil.copy(CONFIGS / "mosquitto/acl", folder / "acl")
    for user in ("hub", *branches):
        made = () if (folder / "passwords").exists() else ("-c",)
        _run("mosquitto_passwd", "-b", *made, str(folder / "passwords"), user, password(user))
    text = (CONFIGS / "mosquitto/mosquitto.conf").read_text(encoding="utf-8")
    text = text.replace("/etc/mosquitto", str(folder)).replace("/var/lib/mosquitto", str(folder))
    text = text.replace("listener 8883", f"listener {chain.ports[0]} 127.0.0.1")
    (folder / "mosquitto.conf").write_text(text + ("\nuser root\n" if os.geteuid() == 0 else ""))
    with _running(chain):
        _start(chain, folder, ["mosquitto", "-c", str(folder / "mosquitto.conf")])
        _wait(chain)
        yield chain


@contextlib.contextmanager
def nats_cluster(folder: Path, branches: Sequence[str] = BRANCHES) -> Iterator[Chain]:
    """Three nats-servers; node n can be started again by `start_nats`."""
    chain = Chain(_certificate(folder), [free_port() for _ in range(3)])
    shutil.copy(CONFIGS / "nats/nats.conf", folder)
    (folder / "users.conf").write_text(_nats_users(branches))
    routes = {f"NATS_ROUTE_{n + 1}": f"nats://127.0.0.1:{free_port()}" for n in range(3)}
    secrets = {_variable(user): f'"{password(user)}"' for user in ("hub", *branches)}
    files = {"NATS_CERT": folder / "chain.crt", "NATS_KEY": folder / "chain.key"}
    env = os.environ | routes | secrets | {name: str(path) for name, path in files.items()}
    with _running(chain):
        for node in range(3):
            start_nats(chain, folder, node, env)
        _wait(chain)
        _until(lambda: nats_is_whole(folder), "the cluster is not whole")
        yield chain


def start_nats(chain: Chain, folder: Path, node: int, env: dict[str, str] | None = None) -> None:
    """For the first time, or again after `kill`."""
    if env is not None:
        own = {
            "NATS_NAME": f"n{node}",
            "NATS_LISTEN": f"127.0.0.1:{free_port()}",
            "NATS_HTTP": f"127.0.0.1:{free_port()}",
            "NATS_STORE": str(folder / f"store{node}"),
            "NATS_CLUSTER": env[f"NATS_ROUTE_{node + 1}"].removeprefix("nats://"),
            "NATS_MQTT": f"127.0.0.1:{chain.ports[node]}",
        }
        (folder / f"env{node}").write_text(
            "\0".join(f"{name}={value}" for name, value in (env | own).items())
        )
    command = ["nats-server", "-c", str(folder / "nats.conf")]
    _start(chain, folder, command, _kept(folder, node), node)


def nats_is_whole(folder: Path, nodes: int = 3) -> bool:
    """Whether every node follows every stream: only then may one be killed without a loss."""
    return all(_is_healthy(_kept(folder, node)["NATS_HTTP"]) for node in range(nodes))


def nats_clients(folder: Path, node: int) -> int:
    """How many are connected to that node."""
    with urllib.request.urlopen(f"http://{_kept(folder, node)['NATS_HTTP']}/varz") as reply:
        told: int = json.load(reply)["connections"]
        return told


@contextlib.contextmanager
def rabbitmq(folder: Path, branches: Sequence[str] = BRANCHES) -> Iterator[Chain]:
    """One RabbitMQ node, with an Erlang port mapper of its own."""
    chain = Chain(_certificate(folder), [free_port()])
    shutil.copy(folder / "chain.crt", folder / "ca.crt")
    text = (CONFIGS / "rabbitmq/rabbitmq.conf").read_text(encoding="utf-8")
    text = text.replace("/etc/rabbitmq", str(folder))
    text = text.replace("ssl.default = 8883", f"ssl.default = 127.0.0.1:{chain.ports[0]}")
    (folder / "rabbitmq.conf").write_text(text)
    shutil.copy(CONFIGS / "rabbitmq/enabled_plugins", folder)
    env = os.environ | {
        "HOME": str(folder),
        "PATH": f"{RABBITMQ}:{os.environ['PATH']}",
        "RABBITMQ_NODENAME": "chain@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "ERL_EPMD_PORT": str(free_port()),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }
    with _running(chain), _port_mapper(env):
        _start(chain, folder, [str(RABBITMQ / "rabbitmq-server")], env)
        _wait(chain)
        _run(str(RABBITMQ / "rabbitmqctl"), "await_startup", env=env)
        for user in ("hub", *branches):
            _run(str(RABBITMQ / "rabbitmqctl"), "add_user", user, password(user), env=env)
            _run("sh", str(CONFIGS / "rabbitmq/rights.sh"), user, env=env)
        yield chain
        _run(str(RABBITMQ / "rabbitmqctl"), "stop", env=env)


# --- how they are run -------------------------------------------------------------------------


def _kept(folder: Path, node: int) -> dict[str, str]:
    """A node's environment."""
    pairs = (folder / f"env{node}").read_text().split("\0")
    return dict(pair.split("=", 1) for pair in pairs)


def _is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/healthz", timeout=2) as reply:
            return bool(reply.status == http.HTTPStatus.OK)
    except OSError:
        return False


def _nats_users(branches: Sequence[str]) -> str:
    """The file that we ship, with its example's block for each branch."""
    text = (CONFIGS / "nats/users.conf").read_text(encoding="utf-8")
    begin, end = text.index(f"      {{ user: {EXAMPLE}"), text.index("    ]\n  }\n}")
    block = text[begin:end]
    blocks = (
        block.replace(_variable(EXAMPLE), _variable(name)).replace(EXAMPLE, name)
        for name in branches
    )
    return text[:begin] + "".join(blocks) + text[end:]


def _variable(user: str) -> str:
    return f"{user.upper().replace('-', '_')}_PASSWORD"


def _certificate(folder: Path) -> Path:
    """Signed by itself: its own authority."""
    made = folder / "chain.crt"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    files = ("-keyout", str(folder / "chain.key"), "-out", str(made))
    _run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *files, *subject)
    return made


@contextlib.contextmanager
def _running(chain: Chain) -> Iterator[None]:
    try:
        yield
    finally:
        for node in chain.nodes:
            node.terminate()
        for node in chain.nodes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                node.wait(20)
            node.kill()


@contextlib.contextmanager
def _port_mapper(env: dict[str, str]) -> Iterator[None]:
    """Erlang's; ours, or else RabbitMQ leaves one behind for ever."""
    mapper = subprocess.Popen(["epmd", "-port", env["ERL_EPMD_PORT"]], env=env)
    try:
        yield
    finally:
        mapper.kill()
        mapper.wait()


def _start(
    chain: Chain,
    folder: Path,
    command: list[str],
    env: dict[str, str] | None = None,
    node: int = 0,
) -> None:
    with (folder / f"node{node}.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
    chain.nodes[node : node + 1] = [process]


def _wait(chain: Chain) -> None:
    """Until every node listens."""
    for port in chain.ports:
        _until(partial(_listens, chain, port), f"nothing listens on port {port}")


def _listens(chain: Chain, port: int) -> bool:
    """Raises ChildProcessError: a node has ended, and its log says why."""
    if ended := [node for node in chain.nodes if node.poll() is not None]:
        logs = "".join(log.read_text() for log in chain.authority.parent.glob("node*.log"))
        raise ChildProcessError(f"{ended} of the chain's broker: {logs[-2000:]}")
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _until(seen: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while not seen():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{complaint} after {STARTS_WITHIN:.0f} s")
        time.sleep(0.1)


def _run(*command: str, env: dict[str, str] | None = None) -> None:
    subprocess.run(command, check=True, capture_output=True, env=env, timeout=STARTS_WITHIN)
