"""Push: how a member's phone is told while the page is closed."""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, Protocol

from aiohttp import web
from msgspec import Meta

from config.sections import Id
from gateway.api.body import body_as
from gateway.api.door import must_hold
from gateway.api.lookup import identifier
from gateway.api.messages import Wire, encode
from gateway.api.operation import Operation, Parameter
from gateway.api.query import no_parameters
from gateway.core.access import Role
from gateway.core.errors import Fault, InvalidError
from gateway.core.notices import Target

TAG = "Alerts"
Point = Annotated[str, Meta(pattern=r"^B[A-Za-z0-9_-]{86}=?\Z")]  # 65 bytes, uncompressed
Secret = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22}(==)?\Z")]  # 16 bytes
PUSH_ID = Parameter("id", Id, "The push subscription's id.", "p8c1d2e3f4a5b6c7d", "path")


class PushKeys(Wire, frozen=True):
    """A browser's public key and secret, base64url."""

    p256dh: Point
    auth: Secret


class NewPush(Wire, frozen=True, forbid_unknown_fields=True):
    """What a browser's `PushSubscription.toJSON()` gives; or `{"channel": "ntfy"}` alone."""

    channel: Literal["web_push", "ntfy"] = "web_push"
    endpoint: Annotated[str, Meta(max_length=1000)] | None = None
    expiration_time: float | None = None
    keys: PushKeys | None = None


class PushRow(Wire, frozen=True):
    """A push subscription. ntfy: subscribe to `url` in its app, one tap on `link`."""

    id: str
    channel: str
    url: str | None
    link: str | None


class PushKeyReply(Wire, frozen=True):
    """The VAPID public key (RFC 8292), base64url; null where this branch has no Web Push."""

    public_key: str | None
    ntfy: str | None
    """The ntfy server that members' phones may use instead."""


class Targets(Protocol):
    """Keeps members' targets; the domain's errors are raised."""

    ntfy: str | None

    async def add_push(self, member: str, endpoint: str, keys: Mapping[str, str]) -> Target:
        """A browser's subscription."""

    async def add_ntfy(self, member: str) -> Target:
        """A topic of the member's own."""

    async def remove(self, member: str, target: str) -> None:
        """One of its own."""


class PushRoutes:
    """`/push/key` and `/push-subscriptions`."""

    def __init__(self, targets: Targets, public_key: Callable[[], str | None]) -> None:
        self._targets = targets
        self._public_key = public_key

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="GET",
                path="/push/key",
                handler=self.show_push_key,
                summary="What a browser needs to subscribe to pushes",
                tag=TAG,
                gives=PushKeyReply,
                example={"publicKey": "BA1Hxz…", "ntfy": None},
            ),
            Operation(
                method="POST",
                path="/push-subscriptions",
                handler=self.create_push_subscription,
                summary="Ring this phone while the page is closed",
                tag=TAG,
                status=201,
                accepts=NewPush,
                body_example={"channel": "ntfy"},
                gives=PushRow,
                example={
                    "id": "p8c1d2e3f4a5b6c7d",
                    "channel": "ntfy",
                    "url": "https://ntfy.example.org/gym-Qm3…",
                    "link": "ntfy://ntfy.example.org/gym-Qm3…",
                },
                who=Role.MEMBER,
                rate="write",
                refuses=(409,),
            ),
            Operation(
                method="DELETE",
                path="/push-subscriptions/{id}",
                handler=self.delete_push_subscription,
                summary="Ring this phone no more",
                tag=TAG,
                parameters=(PUSH_ID,),
                status=204,
                who=Role.MEMBER,
                rate="write",
            ),
        ]

    async def show_push_key(self, request: web.Request) -> web.Response:
        """The key."""
        no_parameters(request)
        return _reply(PushKeyReply(public_key=self._public_key(), ntfy=self._targets.ntfy), 200)

    async def create_push_subscription(self, request: web.Request) -> web.Response:
        """Kept; the same endpoint again is the same one."""
        no_parameters(request)
        asked = await body_as(request, NewPush)
        member = must_hold(request).id
        if asked.channel == "ntfy":
            return _reply(self._row(await self._targets.add_ntfy(member)), 201)
        if asked.endpoint is None or asked.keys is None:
            missing = [name for name in ("endpoint", "keys") if getattr(asked, name) is None]
            raise InvalidError([Fault(f"/{name}", "is missing") for name in missing])
        keys = {"p256dh": asked.keys.p256dh, "auth": asked.keys.auth}
        target = await self._targets.add_push(member, asked.endpoint, keys)
        return _reply(self._row(target), 201)

    async def delete_push_subscription(self, request: web.Request) -> web.Response:
        """Gone."""
        no_parameters(request)
        name = identifier(request, "id", "push subscription")
        await self._targets.remove(must_hold(request).id, name)
        return web.Response(status=204, headers={"Cache-Control": "no-store"})

    def _row(self, target: Target) -> PushRow:
        if target.channel != "ntfy":
            return PushRow(id=target.id, channel=target.channel, url=None, link=None)
        url = f"{(self._targets.ntfy or '').rstrip('/')}/{target.address}"
        link = f"ntfy://{url.partition('://')[2]}"
        return PushRow(id=target.id, channel=target.channel, url=url, link=link)


def _reply(said: Wire, status: int) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(
        status=status, body=encode(said), content_type="application/json", headers=headers
    )
