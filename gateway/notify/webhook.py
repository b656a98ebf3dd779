"""Webhooks: the operators' own programs, called with a signature (RFC 9421)."""

import secrets
from collections.abc import Callable

import msgspec
from yarl import URL

from gateway.core.notices import Notice, Outcome, Target
from gateway.core.signatures import Signed, sign
from gateway.notify.post import Post


class Webhook:
    """`secret` is shared with the receiver; without one calls are not signed."""

    def __init__(
        self, post: Post, secret: bytes | None, key_id: str, wall: Callable[[], float]
    ) -> None:
        self._post = post
        self._secret = secret
        self._key_id = key_id
        self._wall = wall

    async def send(self, notice: Notice, target: Target, delivery: str) -> Outcome:
        """One attempt; the same delivery has the same Idempotency-Key."""
        body = payload(notice)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": f"{notice.firing_id}/{delivery}",
        }
        if self._secret is not None:
            headers |= self._signature(URL(target.address), body)
        outcome = await self._post.send(target.address, body, headers)
        return Outcome("permanent", outcome.reason) if outcome.kind == "gone" else outcome

    def _signature(self, url: URL, body: bytes) -> dict[str, str]:
        assert self._secret is not None
        seen = f"{url.origin()}{url.raw_path_qs}"  # by the receiver: escaped, no fragment
        asked = Signed("POST", seen, {}, body)
        nonce = secrets.token_urlsafe(16)
        return sign(asked, self._secret, self._key_id, int(self._wall()), nonce)


def payload(notice: Notice) -> bytes:
    """A ring without a word of whom it is for."""
    return msgspec.json.encode(
        {
            "type": "trial" if notice.trial else "alert",
            "firingId": notice.firing_id,
            "alertId": notice.alert_id,
            "machineId": notice.machine,
            "name": notice.name,
            "category": notice.category,
            "freeSince": round(notice.free_since, 3),
            "place": notice.place,
            "expiresAt": round(notice.expires_at, 3),
            "url": notice.url,
        }
    )
