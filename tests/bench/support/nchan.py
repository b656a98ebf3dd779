"""nginx with nchan: a stream server in C, the yardstick."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.process import free_port

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
CONFIG = """
load_module {module};
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{port};
        nchan_channel_id all;
        location = /pub {{ nchan_publisher; nchan_message_buffer_length 100; }}
        location = /sub {{ nchan_subscriber eventsource; nchan_subscriber_first_message newest; }}
    }}
}}
"""


def installed() -> bool:
    return NGINX is not None and MODULE.exists()


class Nchan:
    """A running one; `say` publishes."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)

    def say(self, body: bytes) -> None:
        """Send a message, and swallow the answers that are there."""
        self._socket.sendall(
            b"POST /pub HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )
        try:
            self._socket.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return


@contextmanager
def nchan(folder: Path) -> Iterator[Nchan]:
    """nginx in one process, as we are one."""
    assert NGINX is not None
    port, config = free_port(), folder / "nginx.conf"
    config.write_text(CONFIG.format(module=MODULE, folder=folder, port=port))
    command = [NGINX, "-p", str(folder), "-c", str(config)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield Nchan(process.pid, _until_open(process, port))
        finally:
            process.terminate()


def _until_open(process: subprocess.Popen[bytes], port: int) -> int:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        assert process.poll() is None, "nginx ended"
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return port
        time.sleep(0.02)
    raise TimeoutError("nginx does not listen")
