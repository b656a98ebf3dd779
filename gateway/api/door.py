"""The door: who asks, whether they may, and whether they have calls left."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from config.sections import Http, Limits
from gateway.api.connection import connection_of
from gateway.api.credentials import Credentials, RefusedError
from gateway.api.links import own_links
from gateway.api.operation import Operation
from gateway.api.signed import Signatures
from gateway.core.access import Holder, Role, may
from gateway.core.addresses import Network, bucket_key, client_of, link_of, parse
from gateway.core.buckets import Buckets, Policy, Verdict
from gateway.core.errors import ForbiddenError, LimitError, UnauthorisedError

COOKIE = "gateway_member"
MINUTE, DAY = 60, 86_400  # seconds
FAILED = Policy("failed-logins", 30, MINUTE)  # a person who mistypes, or a page with an old token
ADDRESSES_KEPT = 4096  # how addresses map to buckets; a /22 of phones
LOCAL = "local"
PARTS = "/web/"  # a page has a dozen, kept for ever; a page without them would be worse than none
ADMIN = "/admin/"  # exists for who is local; elsewhere there is nothing
_HOLDER: Final = web.RequestKey("holder", Holder)
_ADDRESS: Final = web.RequestKey("address", str)
_RATE: Final = web.RequestKey("rate", tuple[Policy, Verdict])
_STREAMS = ("/stream", "/ws")  # where a ticket counts


@dataclass(frozen=True, slots=True)
class Policies:
    """How many calls of which kind; the names are those of the RateLimit headers."""

    default: Policy
    write: Policy
    kiosk: Policy
    key: Policy
    member: Policy
    member_link: Policy

    @classmethod
    def of(cls, limits: Limits) -> "Policies":
        """As configured."""
        return cls(
            default=Policy("default", limits.requests, MINUTE),
            write=Policy("write", limits.writes, MINUTE),
            kiosk=Policy("kiosk", limits.kiosk_requests, MINUTE),
            key=Policy("key", limits.key_requests, MINUTE),
            member=Policy("new-members", limits.members_per_address, DAY),
            member_link=Policy("new-members-link", limits.members_per_link, DAY),
        )


class Door:
    """A middleware. `operations` are what it guards; what is none of them is merely counted."""

    def __init__(
        self,
        operations: Iterable[Operation],
        credentials: Credentials,
        signatures: Signatures,
        http: Http,
        limits: Limits,
        public_url: str,
        seen: Callable[[str], None] = lambda _member: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._operations = {operation.handler: operation for operation in operations}
        self._credentials = credentials
        self._signatures = signatures
        self._trusted = [ip_network(text, strict=False) for text in http.trusted_proxies]
        self._share = share_of(limits)
        self._public = _origin_of(public_url)
        self._seen = seen
        self._monotonic = monotonic
        self._policies = Policies.of(limits)
        links = own_links()
        self._link_of = lru_cache(ADDRESSES_KEPT)(lambda address: link_of(address, links))
        self._buckets = Buckets()

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Name who asks, count the call, refuse what may not be."""
        operation = self._operations.get(request.match_info.handler)
        local = connection_of(request).local
        address = LOCAL if local else self._address(request)
        request[_ADDRESS] = address
        is_page = operation is None and request.match_info.http_exception is None
        holder = await self._holder(request, address, is_page=is_page)
        if holder is not None:
            request[_HOLDER] = holder
            if holder.role is Role.MEMBER:
                self._seen(holder.id)
        if (share := self._share(address)) is not None:
            self._count(request, operation, holder, share)
        if not local and request.path.startswith(ADMIN):
            raise web.HTTPNotFound
        if operation is not None:
            _judge(operation, holder, local=local)
        return await handler(request)

    # --- who ------------------------------------------------------------------------------------

    def _address(self, request: web.Request) -> str:
        peer = request.remote or ""
        if not self._trusted:
            return peer
        lines = request.headers.getall("X-Forwarded-For", None)
        address, _ = client_of(peer, ",".join(lines) if lines else None, self._trusted)
        return address

    async def _holder(self, request: web.Request, address: str, *, is_page: bool) -> Holder | None:
        """Raises UnauthorisedError, ForbiddenError, LimitError: a credential that is not good.

        A page comes all the same: who was signed out must be able to read that.
        """
        try:
            return await self._shown(request, address)
        except (RefusedError, ForbiddenError) as error:
            if is_page and COOKIE in request.cookies:
                return None
            if (share := self._share(address)) is not None:
                self._take(request, FAILED, share)
            if isinstance(error, ForbiddenError):
                raise
            raise UnauthorisedError(f"The credential is not good: {error}.") from None

    async def _shown(self, request: web.Request, address: str) -> Holder | None:
        headers = request.headers
        if "Signature-Input" in headers:
            return await self._signatures.holder(request)
        if (secret := _bearer(headers.get("Authorization"))) is not None:
            return self._credentials.find(secret)
        if (secret := headers.get("X-API-Key")) is not None:
            return self._credentials.find(secret)
        if "Cookie" in headers and (cookie := request.cookies.get(COOKIE)):
            return self._of_cookie(request, cookie)
        if request.path in _STREAMS and "ticket" in request.query:
            agent = ascii(headers.get("User-Agent", "")[:200])  # any bytes may stand there
            client = f"{self._share(address)} {agent}"
            return await self._credentials.redeem(request.query["ticket"], client)
        return None

    def _of_cookie(self, request: web.Request, cookie: str) -> Holder:
        """Our own pages send it; a foreign page that makes a browser send it is refused."""
        origin = request.headers.get("Origin")
        if origin is None and request.method not in {"GET", "HEAD"}:
            raise ForbiddenError("A call with the page's cookie must carry its Origin.")
        if origin is not None and not self._is_ours(origin, request.host):
            raise ForbiddenError(f"The cookie is for our own pages, not for {origin[:100]}.")
        return self._credentials.find(cookie)

    def _is_ours(self, origin: str, host: str) -> bool:
        return origin == self._public or origin in {f"http://{host}", f"https://{host}"}

    # --- how often ------------------------------------------------------------------------------

    def _count(
        self, request: web.Request, operation: Operation | None, holder: Holder | None, share: str
    ) -> None:
        rate = operation.rate if operation is not None else "default"
        if rate == "none" or (operation is None and request.path.startswith(PARTS)):
            return
        who = f"{holder.role}:{holder.id}" if holder else share
        policy = self._policy(rate, holder)
        self._take(request, policy, who)
        if rate == "member":
            of_one, of_link = self._policies.member, self._policies.member_link
            link, now = self._link_of(request[_ADDRESS]), self._monotonic()
            if self._buckets.look(of_link, link, now).allowed:  # else nothing is taken of its own
                self._take(request, of_one, share)
            self._take(request, of_link, link)

    def _policy(self, rate: str, holder: Holder | None) -> Policy:
        if rate in {"write", "member"}:
            return self._policies.write
        if holder is None or holder.role is Role.MEMBER:
            return self._policies.default
        return self._policies.kiosk if holder.role is Role.KIOSK else self._policies.key

    def _take(self, request: web.Request, policy: Policy, key: str) -> None:
        """Raises LimitError; either way the reply tells how many are left."""
        verdict = self._buckets.take(policy, key, self._monotonic())
        if not verdict.allowed or _RATE not in request:
            request[_RATE] = (policy, verdict)
        if not verdict.allowed:
            raise LimitError(
                f"That is more than {policy.quota} in {policy.window} s ({policy.name});"
                f" try again in {verdict.retry_after} s.",
                verdict.retry_after,
            )


def _bearer(text: str | None) -> str | None:
    if text is None:
        return None
    scheme, _, token = text.partition(" ")
    if scheme.lower() != "bearer":
        raise RefusedError("Authorization must be `Bearer <token>`")
    return token.strip()


def _judge(operation: Operation, holder: Holder | None, *, local: bool) -> None:
    """Raises UnauthorisedError, ForbiddenError."""
    needed = operation.who
    if needed is None and not operation.signed_in:
        return
    if local and needed is not Role.MEMBER and not operation.signed_in:
        return  # who may open the local socket is admin
    if holder is None:
        what = f"the role {needed}" if needed else "a member or a key"
        raise UnauthorisedError(f"This call needs a credential ({what}).")
    if needed is not None and not may(holder.role, needed):
        raise ForbiddenError(f"This call is for the role {needed}; yours is {holder.role}.")


def rate_of(request: web.BaseRequest) -> tuple[Policy, Verdict] | None:
    """How many calls of which kind are left; None where none are counted."""
    return request.get(_RATE)


def holder_of(request: web.Request) -> Holder | None:
    """Who asks; None: anybody."""
    return request.get(_HOLDER)


def must_hold(request: web.Request) -> Holder:
    """Who asks, where the operation demands somebody."""
    if connection_of(request).local and _HOLDER not in request:
        return Holder(Role.ADMIN, LOCAL)
    return request[_HOLDER]


def address_of(request: web.Request) -> str:
    """The client's address, as a trusted proxy tells it; `local` through the Unix socket."""
    return request[_ADDRESS]


def forget_cookie(response: web.StreamResponse) -> None:
    """Have the browser drop our cookie."""
    response.del_cookie(COOKIE, httponly=True, samesite="Strict")


def exemption(limits: Limits) -> Callable[[str], bool]:
    """Whether an address is one of those that are not counted."""
    exempt = [ip_network(text, strict=False) for text in limits.exempt]
    return lru_cache(ADDRESSES_KEPT)(lambda address: is_in(address, exempt))


def share_of(limits: Limits) -> Callable[[str], str | None]:
    """As whose an address counts; None: it is not counted (exempt, or local)."""
    is_exempt, links = exemption(limits), own_links()

    def share(address: str) -> str | None:
        return None if address == LOCAL or is_exempt(address) else bucket_key(address, links)

    return lru_cache(ADDRESSES_KEPT)(share)


def is_in(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address is of one of the networks."""
    found = parse(address)
    return found is not None and any(found in network for network in networks)


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
