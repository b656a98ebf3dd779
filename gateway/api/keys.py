"""Keys: made and ended by who may open the local socket; the audit log of what was changed."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from gateway.api.body import body_as
from gateway.api.credentials import KEY, Credentials
from gateway.api.messages import Wire, encode
from gateway.core.access import Key, Role
from gateway.core.errors import ConflictError, Fault, InvalidError
from gateway.core.signatures import derive
from gateway.core.topics import objection
from gateway.store.notebook import Entry

LONGEST = 10 * 366 * 86_400.0  # seconds a key may be good for: longer than the box lives
Name = Annotated[str, Meta(max_length=100)]
NO_MASTER = (
    "Signed keys are derived from a master secret, and there is none: put 32 random bytes or more"
    " into the systemd credential `master`, or into secrets/master (mode 0600) beside the database,"
    " and start the gateway again."
)


class NewKey(Wire, frozen=True, forbid_unknown_fields=True):
    """A key to be made; `expiresIn` in seconds."""

    role: Role
    name: Name = ""
    expires_in: Annotated[float, Meta(gt=0, le=LONGEST)] | None = None
    signed: bool = False
    topics: Annotated[tuple[str, ...], Meta(max_length=100)] = ()


class KeyRow(Wire, frozen=True):
    """A key as lists show it: no secret. Epoch seconds."""

    id: str
    role: Role
    name: str
    created: float
    expires: float | None
    revoked: float | None
    last_used: float | None
    signed: bool
    topics: tuple[str, ...]


class CreatedKey(KeyRow, frozen=True):
    """The secret is shown here once and never again."""

    secret: str


@dataclass(frozen=True, slots=True)
class Locksmith:
    """What making keys needs of the rest."""

    gym: str
    master: bytes | None
    """Signed keys' secrets are derived from it."""
    wall: Callable[[], float]
    hashed: Callable[[str], str]
    """A password in the embedded broker's own form."""
    audited: Callable[[], Awaitable[list[Entry]]]
    """The newest entries of the audit log."""


class KeyRoutes:
    """`/admin/keys…` and `/admin/audit`: at the local socket only."""

    def __init__(self, credentials: Credentials, tools: Locksmith) -> None:
        self._credentials = credentials
        self._tools = tools

    def routes(self) -> list[web.RouteDef]:
        """What is served here, to who is local."""
        return [
            web.get("/admin/keys", self.list_keys),
            web.post("/admin/keys", self.create_key),
            web.delete("/admin/keys/{key}", self.revoke_key),
            web.get("/admin/audit", self.list_audit),
        ]

    async def list_keys(self, _request: web.Request) -> web.Response:
        """Every key, the ended ones too."""
        return _json({"keys": [_row(key) for key in self._credentials.all_keys()]})

    async def create_key(self, request: web.Request) -> web.Response:
        """A new key and its secret."""
        asked = await body_as(request, NewKey)
        self._judge(asked)
        now = self._tools.wall()
        key = Key(
            f"k{secrets.token_hex(6)}",
            asked.role,
            asked.name,
            now,
            now + asked.expires_in if asked.expires_in else None,
            signed=asked.signed,
            topics=asked.topics,
        )
        secret, bearer, password = self._secrets(key)
        await self._credentials.create_key(key, bearer, password)
        row = msgspec.structs.asdict(_row(key))
        return _json(CreatedKey(**row, secret=secret), 201)

    async def revoke_key(self, request: web.Request) -> web.Response:
        """Ended, at once."""
        return _json(_row(await self._credentials.revoke_key(request.match_info["key"])))

    async def list_audit(self, _request: web.Request) -> web.Response:
        """Who changed what, newest first."""
        return _json({"entries": await self._tools.audited()})

    def _judge(self, asked: NewKey) -> None:
        faults = []
        if asked.role is Role.MEMBER:
            faults.append(Fault("/role", "members make themselves, with POST /members"))
        if (asked.role is Role.SENSOR) != bool(asked.topics):
            faults.append(Fault("/topics", "belong to the role sensor, and it needs at least one"))
        if asked.role is Role.SENSOR and asked.signed:
            faults.append(Fault("/signed", "a sensor speaks MQTT, which has no signatures"))
        for number, topic in enumerate(asked.topics):
            if problem := objection(topic, self._tools.gym):
                faults.append(Fault(f"/topics/{number}", problem))
        if faults:
            raise InvalidError(faults)
        if asked.signed and self._tools.master is None:
            raise ConflictError(NO_MASTER)

    def _secrets(self, key: Key) -> tuple[str, str | None, str | None]:
        """(what is shown, the bearer token if it is one, a sensor's password as hashed)."""
        if key.signed and self._tools.master is not None:
            return derive(self._tools.master, key.id).hex(), None, None
        if key.role is Role.SENSOR:
            password = secrets.token_urlsafe(24)
            return password, None, self._tools.hashed(password)
        token = KEY + secrets.token_urlsafe(32)
        return token, token, None


def _row(key: Key) -> KeyRow:
    return KeyRow(
        id=key.id,
        role=key.role,
        name=key.name,
        created=key.created,
        expires=key.expires,
        revoked=key.revoked,
        last_used=key.last_used,
        signed=key.signed,
        topics=key.topics,
    )


def _json(said: object, status: int = 200) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(
        status=status, body=encode(said), content_type="application/json", headers=headers
    )
