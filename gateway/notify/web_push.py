"""Web Push: encrypted to the browser, carried by its maker's push service."""

import hashlib
from collections.abc import Callable
from math import ceil
from urllib.parse import urlsplit

import msgspec

from gateway.core.notices import Notice, Outcome, Target
from gateway.notify import push_crypto
from gateway.notify.post import Post
from gateway.notify.words import body_of, title_of

TOKEN_LASTS = 12 * 3600  # seconds: RFC 8292 allows 24 hours
RENEWED = 3600  # seconds before its end a new token is made
MOST_TOKENS = 64  # push services: there are five
TOPIC = 32  # characters at most, RFC 8030


class WebPush:
    """`contact` is how a push service reaches the operators."""

    def __init__(
        self, post: Post, private: push_crypto.Private, contact: str, wall: Callable[[], float]
    ) -> None:
        self._post = post
        self._private = private
        self._contact = contact
        self._wall = wall
        self._tokens: dict[str, tuple[str, float]] = {}
        self.public_key = push_crypto.base64url(push_crypto.point(private))

    async def send(self, notice: Notice, target: Target, delivery: str) -> Outcome:  # noqa: ARG002  a push has no name of ours
        """One attempt."""
        ttl = ceil(notice.expires_at - self._wall())  # 0 would mean: now or never
        if ttl <= 0:
            return Outcome("permanent", "expired")
        try:
            body = push_crypto.encrypt(payload(notice), target.keys["p256dh"], target.keys["auth"])
        except (ValueError, KeyError) as error:
            return Outcome("gone", f"the browser's key cannot be used: {error}"[:200])
        return await self._post.send(target.address, body, self._headers(notice, target, ttl))

    def _headers(self, notice: Notice, target: Target, ttl: int) -> dict[str, str]:
        parts = urlsplit(target.address)
        token = self._token(f"{parts.scheme}://{parts.netloc}")
        return {
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(ttl),
            "Topic": topic_of(notice.machine),
            "Urgency": "high",
            "Authorization": f"vapid t={token}, k={self.public_key}",
        }

    def _token(self, audience: str) -> str:
        known, until = self._tokens.get(audience, ("", 0.0))
        now = self._wall()
        if not now < until - RENEWED < now + TOKEN_LASTS:  # also after the clock was put right
            until = now + TOKEN_LASTS
            known = push_crypto.token(self._private, audience, self._contact, int(until))
            self._tokens.pop(audience, None)
            self._tokens[audience] = known, until
            if len(self._tokens) > MOST_TOKENS:
                del self._tokens[next(iter(self._tokens))]
        return known


def payload(notice: Notice) -> bytes:
    """What our service worker reads; far below the 4096 bytes of a push."""
    return msgspec.json.encode(
        {
            "title": title_of(notice),
            "body": body_of(notice),
            "name": notice.name,
            "note": notice.note,
            "place": notice.place,
            "url": notice.url,
            "machineId": notice.machine,
            "alertId": notice.alert_id,
            "firingId": notice.firing_id,
            "expiresAt": round(notice.expires_at, 3),
            "trial": notice.trial,
        }
    )


def topic_of(machine: str) -> str:
    """A newer ring for the same machine takes the place of one that waits."""
    return push_crypto.base64url(hashlib.sha256(machine.encode()).digest())[:TOPIC]
