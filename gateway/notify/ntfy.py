"""ntfy: what reaches a phone although our page is plain http."""

import msgspec

from gateway.core.notices import Notice, Outcome, Target
from gateway.notify.post import Post
from gateway.notify.words import body_of, title_of

URGENT = 4  # of 5: it sounds, and does not override silence


class Ntfy:
    """Publishes to the member's own topic at one server. `token`: its access token."""

    def __init__(self, post: Post, server: str, token: str | None) -> None:
        self._post = post
        self._server = server
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    async def send(self, notice: Notice, target: Target, delivery: str) -> Outcome:  # noqa: ARG002  ntfy takes no name of ours
        """One attempt; a topic is never gone."""
        body = msgspec.json.encode(
            {
                "topic": target.address,
                "title": title_of(notice),
                "message": body_of(notice),
                "click": notice.url,
                "tags": ["bell"],
                "priority": URGENT,
            }
        )
        outcome = await self._post.send(self._server, body, self._headers)
        return Outcome("permanent", outcome.reason) if outcome.kind == "gone" else outcome
