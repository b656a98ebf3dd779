"""What every request passes through on its way to a handler, and every reply on its way out."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from config.sections import Config
from gateway.api.backing import Common
from gateway.api.body import LARGEST
from gateway.api.door import Door
from gateway.api.envelope import ENVELOPE, Envelope
from gateway.api.middleware.cors import Cors
from gateway.api.middleware.errors import errors_to_problems
from gateway.api.middleware.host import only_known_hosts
from gateway.api.middleware.observe import observe
from gateway.api.operation import Operation
from gateway.api.signed import Signatures
from gateway.api.tls import Tls


def application(
    backing: Common, operations: Sequence[Operation], tls: Tls | None
) -> web.Application:
    """An application without routes: what comes first is outermost."""
    config = backing.config
    http, url = config.http, config.branch.public_url
    signatures = Signatures(backing.credentials, backing.locksmith.master, url, backing.wall)
    door = Door(operations, backing.credentials, signatures, http, config.limits, url, backing.seen)
    cors = Cors(http.cors_origins)
    app = web.Application(
        middlewares=[
            observe(backing.metrics),
            errors_to_problems,
            only_known_hosts(http.allowed_hosts),
            cors.preflight,  # before the door: a preflight carries no credential
            door.guard,
        ],
        client_max_size=LARGEST,
    )
    app[ENVELOPE] = envelope = Envelope(cors, tls, urlsplit(url).hostname or "")
    app.on_response_prepare.append(envelope.prepare)
    return app


def tls_of(config: Config) -> Tls | None:
    """The certificate that is configured. Raises OSError."""
    files = config.http.tls
    return None if files is None else Tls(Path(files.certificate), Path(files.key))
