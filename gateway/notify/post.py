"""One HTTP call to the outside: bounded in time and size, no redirects."""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp

from gateway.core.notices import Outcome

WITHIN = 10.0  # seconds for one attempt: connect, send, and the head of the reply
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
            auto_decompress=False,
        )

    async def close(self) -> None:
        """End what is open."""
        await self._session.close()

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """POST; what came of it. The reply's body is never read."""
        try:
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as reply:
                outcome = outcome_of(reply.status, reply.headers.get("Retry-After"))
                reply.close()
                return outcome
        except TimeoutError:
            return Outcome("retry", f"no answer within {WITHIN:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Outcome("retry", f"{type(error).__name__}: {error}"[:200])
        except ValueError as error:
            return Outcome("permanent", f"no address: {error}"[:200])


def outcome_of(status: int, retry_after: str | None = None) -> Outcome:
    """What an HTTP status means for a delivery."""
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome("delivered", str(status))
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return Outcome("gone", str(status))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in TRY_AGAIN:
        return Outcome("retry", str(status), seconds_of(retry_after))
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
