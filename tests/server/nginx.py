"""nginx in front of a server, configured as an operator does it."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TIMEOUT = 10.0  # seconds for nginx to listen, and to end

CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {site}
}}
"""

SITE = """
server {{
  listen 127.0.0.1:{port};
  {location}
}}
"""

# What nginx has to say of a request, each field set and none passed on.
LOCATION = """
location {below}/ {{
  proxy_pass {upstream}/;
  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host "";
  proxy_set_header X-Forwarded-Port "";
  proxy_set_header X-Forwarded-Prefix "{below}";
  proxy_set_header Forwarded "";
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $http_connection;
}}
"""


@contextmanager
def nginx(
    program: str, upstream: str, folder: Path, below: str = ""
) -> Iterator[int]:
    """Run nginx round a block; yield its port.

    ``upstream`` is a URL, or ``unix:PATH``; ``below`` is a prefix of the path
    that nginx takes off.
    """
    if upstream.startswith("unix:"):
        upstream = f"http://{upstream}:"
    location = LOCATION.format(upstream=upstream, below=below)
    port = free_port()
    site = SITE.format(port=port, location=location)
    with nginx_with(program, site, folder, port):
        yield port


@contextmanager
def nginx_with(
    program: str, site: str, folder: Path, port: int
) -> Iterator[None]:
    """Run nginx round a block, with this in its ``http`` section."""
    file = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    file.write_text(CONFIGURATION.format(user=user, folder=folder, site=site))
    process = subprocess.Popen(
        [program, "-p", str(folder), "-c", str(file), "-e", "stderr"],
        stderr=subprocess.PIPE,
    )
    try:
        until = time.monotonic() + TIMEOUT
        while not listens(port):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < until, "nginx does not listen"
        yield
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
