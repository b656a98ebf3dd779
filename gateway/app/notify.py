"""The channels that leave the house, composed from the configuration and its secrets."""

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from config.secrets import secret
from config.sections import Config
from gateway.core.notices import Notice, Outcome, Target
from gateway.notify import addresses
from gateway.notify.channel import Channel
from gateway.notify.mqtt import Mqtt, Publish
from gateway.notify.ntfy import Ntfy
from gateway.notify.post import Post
from gateway.notify.webhook import Webhook

if TYPE_CHECKING:
    from gateway.notify.web_push import WebPush

VAPID, NTFY, WEBHOOK = "vapid", "ntfy-token", "webhook"  # secrets
MISSING = "needs a library that is not installed here: pip install 'gym-gateway[push]'"


class Channels:
    """Made on the loop, closed at the end. Web Push is loaded when it is first needed: 5 MiB."""

    def __init__(self, config: Config, wall: Callable[[], float], publish: Publish) -> None:
        """Raises SecretError."""
        self._wall, self._publish = wall, publish
        self._gym = config.branch.id
        self._folder = Path(config.store.history).parent
        self.follow(config)
        self._ntfy_token = secret(NTFY, self._folder)
        self._webhook_secret = secret(WEBHOOK, self._folder)
        self._posts: list[Post] = []

    def follow(self, config: Config) -> None:
        """As configured there, from the next `open` on."""
        self._notify = config.notify
        host = urlsplit(config.branch.public_url).hostname
        self._contact = config.notify.vapid_contact or f"mailto:gateway@{host}"

    def open(self) -> dict[str, Channel]:
        """Every channel, by the name that targets use."""
        ours = self._post(None)
        found: dict[str, Channel] = {
            "web_push": self,
            "webhook": Webhook(ours, self._webhook_secret, self._gym, self._wall),
            "mqtt": Mqtt(self._publish),
        }
        if self._notify.ntfy:
            token = self._ntfy_token.decode() if self._ntfy_token else None
            found["ntfy"] = Ntfy(ours, self._notify.ntfy, token)
        return found

    async def close(self) -> None:
        """End what is open."""
        posts, self._posts = self._posts, []
        self.__dict__.pop("_web_push", None)  # it goes by one of these
        for post in posts:
            await post.close()

    def public_key(self) -> str | None:
        """What browsers need to subscribe; None without the library."""
        try:
            return self._web_push.public_key
        except ImportError:
            return None

    def objection(self, url: str) -> str | None:
        """What is wrong with a browser's endpoint."""
        if self.public_key() is None:
            return MISSING
        return addresses.objection(url, self._notify.push_hosts)

    async def send(self, notice: Notice, target: Target, delivery: str) -> Outcome:
        """By Web Push."""
        try:
            channel = self._web_push
        except ImportError:
            return Outcome("permanent", MISSING)
        return await channel.send(notice, target, delivery)

    @cached_property
    def _web_push(self) -> "WebPush":
        from gateway.notify import push_crypto, web_push  # noqa: PLC0415  an extra, and 5 MiB

        pem = secret(VAPID, self._folder) or _keep(self._folder, push_crypto.new_key())
        post = self._post(addresses.PublicOnly(self._notify.push_hosts))
        return web_push.WebPush(post, push_crypto.load_key(pem), self._contact, self._wall)

    def _post(self, resolver: addresses.PublicOnly | None) -> Post:
        post = Post(resolver)
        self._posts.append(post)
        return post


def _keep(folder: Path, pem: bytes) -> bytes:
    """Browsers are bound to this key: it is made once, and readable by us alone."""
    path = folder / "secrets" / VAPID
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)  # whole, or not there
    return pem
