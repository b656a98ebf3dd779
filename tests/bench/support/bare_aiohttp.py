"""The yardstick: aiohttp that answers some bytes and nothing else. `bare_aiohttp.py PORT BODY`."""

import sys

from aiohttp import web

BODY = sys.argv[2].encode()


async def answer(_request: web.Request) -> web.Response:
    """The same bytes each time."""
    return web.Response(body=BODY, content_type="application/json")


app = web.Application()
app.router.add_get("/branches", answer)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
