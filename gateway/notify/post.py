"""One HTTP call to the outside: bounded in time and size, no redirects."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp

from gateway.core.notices import Outcome
from gateway.notify.addresses import RefusedAddressError

WITHIN = 10.0  # seconds for one attempt: connect, send, and the head of the reply
WORDS_WITHIN = 1.0  # seconds for the words of a refusal
LONGEST = 200  # characters of a reason: what a push service says fits
LATEST = 3600.0  # seconds: a Retry-After beyond it means never, for a ring
TRY_AGAIN = frozenset({408, 425, 429})  # beside 5xx
_TIMEOUT = aiohttp.ClientTimeout(total=WITHIN)


class Post:
    """A client without cookies, proxies and redirects; made on the loop, closed at the end."""

    def __init__(self, resolver: aiohttp.abc.AbstractResolver | None = None) -> None:
        self._connector = aiohttp.TCPConnector(limit=32, limit_per_host=2, resolver=resolver)
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            timeout=_TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "gym-gateway"},
            auto_decompress=False,
        )

    async def close(self) -> None:
        """End what is open."""
        await self._session.close()

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """POST; what came of it. Of a refusal's body its first words are kept, no more is read."""
        try:
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as reply:
                outcome = outcome_of(reply.status, reply.headers.get("Retry-After"))
                if outcome.kind in {"permanent", "retry"}:
                    outcome = replace(
                        outcome, reason=f"{reply.status} {await _words(reply)}".strip()
                    )
                reply.close()
                return outcome
        except TimeoutError:
            return Outcome("retry", f"no answer within {WITHIN:g} s")
        except aiohttp.ClientConnectorDNSError as error:
            refused = isinstance(error.os_error, RefusedAddressError)
            return Outcome("permanent" if refused else "retry", str(error.os_error)[:LONGEST])
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, UnicodeError):
            return Outcome("permanent", "no address")
        except (aiohttp.ClientError, OSError) as error:
            return Outcome("retry", f"{type(error).__name__}: {error}"[:LONGEST])


async def _words(reply: aiohttp.ClientResponse) -> str:
    """Why, as far as the other side says it soon, on one line."""
    try:
        async with asyncio.timeout(WORDS_WITHIN):
            said = await reply.content.read(LONGEST)
    except (TimeoutError, aiohttp.ClientError):
        return ""
    return "".join(sign if sign.isprintable() else " " for sign in said.decode(errors="replace"))


def outcome_of(status: int, retry_after: str | None = None) -> Outcome:
    """What an HTTP status means for a delivery."""
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome("delivered", str(status))
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return Outcome("gone", str(status))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in TRY_AGAIN:
        busy = status == HTTPStatus.TOO_MANY_REQUESTS
        return Outcome("retry", str(status), seconds_of(retry_after), host_works=busy)
    return Outcome("permanent", str(status))


def seconds_of(retry_after: str | None) -> float | None:
    """Retry-After as seconds or as a date; None where it says nothing that we understand."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return min(float(retry_after[:9]), LATEST)
    try:
        at = parsedate_to_datetime(retry_after).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, at - time.time()), LATEST)
