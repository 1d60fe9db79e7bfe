"""nginx, which clients reach on port 80: a second HAProxy in its place.

`/_status` goes to the status page, all else to the API server, which knows no organisations: what an organisation's
URL has before its path is taken away. In maintenance mode all but `/_status` is answered with 503, unless it comes
from 127.0.0.1, which is the product's default list of allowed addresses. Bodies of answers are synthetic.
"""

from __future__ import annotations

import time

from . import runit, server_haproxy, server_redis
from .server_settings import API_PORT, CLIENTS_PORT, DATA, LOGS, SERVICES, STATUS_PORT, ServerError, write_private

SERVICE = SERVICES / "nginx"
SOCKET = DATA / "nginx" / "nginx.sock"
CONFIGURATION = DATA / "nginx" / "nginx.cfg"
BAD_GATEWAY = DATA / "nginx" / "502.http"

# nginx says 502 where nobody listens behind it, HAProxy would say 503: that is maintenance mode's alone here.
_BAD_GATEWAY = """\
HTTP/1.0 502 Bad Gateway
Cache-Control: no-cache
Connection: close
Content-Type: text/html

<html><body><h1>502 Bad Gateway</h1></body></html>
"""

_TEMPLATE = f"""\
global
  maxconn 500
  stats socket {SOCKET} mode 600 level admin
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  retries 0
  errorfile 503 {BAD_GATEWAY}
frontend clients
  bind :{CLIENTS_PORT}
  acl status_page path /_status
  acl maintenance str({server_redis.KEY}) -f {server_redis.MEMORY}
  acl allowed src 127.0.0.1
  http-request return status 503 content-type text/html string "503 Service Unavailable" if \
maintenance !status_page !allowed
  use_backend status_page if status_page
  default_backend api
backend status_page
  server local 127.0.0.1:{STATUS_PORT}
backend api
  http-request replace-path ^/organizations/[^/]+/?(.*)$ /\\1
  server local 127.0.0.1:{API_PORT}
"""


def configure() -> None:
    """Write its files and have it run with them; it is restarted only when they changed."""
    changed = [write_private(BAD_GATEWAY, _BAD_GATEWAY), write_private(CONFIGURATION, _TEMPLATE)]
    # Whichever of the two services comes first after a boot finds what Redis had dumped.
    script = f"{server_redis.LOAD}\nrm -f {SOCKET}\nexec haproxy -db -f {CONFIGURATION}"
    runit.define(SERVICE, script, str(LOGS / "nginx"))
    runit.serve({SERVICE: any(changed)})


def follow(on: bool) -> None:
    """Have a running nginx see that maintenance mode is on or off; one that starts later reads it from Redis.

    Raises ServerError.
    """
    command = f"add acl {server_redis.MEMORY} {server_redis.KEY}" if on else f"clear acl {server_redis.MEMORY}"
    until = time.monotonic() + 10
    while (said := server_haproxy.ask(SOCKET, command)) is None and runit.is_running(SERVICE):
        if time.monotonic() > until:  # one that is only starting may have read the key before
            raise ServerError(f"nginx does not answer at {SOCKET}")
        time.sleep(0.02)
    if said and said.strip():
        raise ServerError(f"nginx does not follow Redis: {said.strip()}")
