"""Members: anonymous phones that may have alerts; and tickets for clients that cannot log in."""

from aiohttp import web

from config.sections import Config
from gateway.api.credentials import TICKET_FIRST_USE, Credentials
from gateway.api.door import COOKIE, forget_cookie, must_hold
from gateway.api.messages import Wire, encode
from gateway.api.operation import Operation
from gateway.api.query import no_parameters
from gateway.core.access import Role

COOKIE_LASTS = 400 * 86_400  # seconds: the longest that browsers keep one
JSON = "application/json"


class MemberReply(Wire, frozen=True):
    """A new member. The token is shown here once and never again."""

    member_id: str
    token: str


class TicketReply(Wire, frozen=True):
    """A pass for `?ticket=`; its first use must come within `expiresIn` seconds."""

    ticket: str
    expires_in: int


class MemberRoutes:
    """`/members` and `/tickets`."""

    def __init__(self, credentials: Credentials, config: Config) -> None:
        self._credentials = credentials
        self._secure = config.http.tls is not None

    def operations(self) -> list[Operation]:
        """What is served here."""
        return [
            Operation(
                method="POST",
                path="/members",
                handler=self.create_member,
                summary="Become a member: an anonymous phone that may have alerts",
                tag="Members",
                status=201,
                gives=MemberReply,
                example={"memberId": "m41d2f3a09b7c6e58", "token": "gwm_…"},
                rate="member",
                refuses=(503,),
            ),
            Operation(
                method="DELETE",
                path="/members/me",
                handler=self.remove_member,
                summary="Stop being a member: everything known of this phone is deleted",
                tag="Members",
                status=204,
                who=Role.MEMBER,
                rate="write",
            ),
            Operation(
                method="POST",
                path="/tickets",
                handler=self.create_ticket,
                summary="A pass for ?ticket= of a stream, where no header can be set",
                tag="Members",
                status=201,
                gives=TicketReply,
                example={"ticket": "gwt_…", "expiresIn": 60},
                signed_in=True,
                rate="write",
                refuses=(503,),
            ),
        ]

    async def create_member(self, request: web.Request) -> web.Response:
        """The token, and the same as a cookie for our own pages."""
        no_parameters(request)
        member, token = await self._credentials.join()
        body = encode(MemberReply(member_id=member, token=token))
        response = _created(body)
        response.set_cookie(
            COOKIE,
            token,
            max_age=COOKIE_LASTS,
            httponly=True,
            samesite="Strict",
            secure=self._secure,
        )
        return response

    async def remove_member(self, request: web.Request) -> web.Response:
        """Gone, and so is the cookie."""
        no_parameters(request)
        await self._credentials.leave(must_hold(request).id)
        response = web.Response(status=204, headers={"Cache-Control": "no-store"})
        forget_cookie(response)
        return response

    async def create_ticket(self, request: web.Request) -> web.Response:
        """A ticket of who asks."""
        no_parameters(request)
        ticket = await self._credentials.ticket_for(must_hold(request))
        return _created(encode(TicketReply(ticket=ticket, expires_in=int(TICKET_FIRST_USE))))


def _created(body: bytes) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(status=201, body=body, content_type=JSON, headers=headers)
