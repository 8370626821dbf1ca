"""nginx and HAProxy as somebody else has set them up: nothing in them was written for muxboard."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.rig.ports import free_ports
from tests.rig.program import Program, private_folder

if TYPE_CHECKING:
    from pathlib import Path

NGINX = """\
{user} daemon off; worker_processes 1; pid nginx.pid; error_log stderr info;
events {{}}
http {{
    access_log off; {temporary}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 1m;
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_set_header Host $http_host;
            {more}
        }}
    }}
}}
"""

# It hands on what it has when a buffer is full or the answer ends: a stream's first words wait in it.
NGINX_BUFFERING = """\
            proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;
            proxy_buffers 8 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;
            proxy_read_timeout 30s; proxy_send_timeout 30s; send_timeout 30s;
"""

HAPROXY = """\
global
    log stderr format raw local0
defaults
    mode http
    log global
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend door
    bind 127.0.0.1:{port}
    {more}
    default_backend service
backend service
    server one 127.0.0.1:{upstream}
"""

HAPROXY_NO_UPGRADES = "http-request deny deny_status 403 if { hdr(Upgrade) -i websocket }"


def nginx(upstream: int, more: str = "") -> Program:
    """Start nginx with the directives of a location; it passes no upgrade on."""
    [port] = free_ports(1)
    folder = private_folder("nginx")
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    text = NGINX.format(
        user="user root;" if os.geteuid() == 0 else "",  # its folder is nobody else's
        temporary=" ".join(f"{name}_temp_path {name};" for name in names),
        port=port,
        upstream=upstream,
        more=more,
    )
    (folder / "nginx.conf").write_text(text)
    return _run(["nginx", "-p", f"{folder}/", "-c", "nginx.conf", "-e", "stderr"], port, folder)


def haproxy(upstream: int, more: str = "") -> Program:
    """Start HAProxy with the rules of a frontend; it passes WebSockets on."""
    [port] = free_ports(1)
    folder = private_folder("haproxy")
    (folder / "haproxy.cfg").write_text(HAPROXY.format(port=port, upstream=upstream, more=more))
    return _run(["haproxy", "-db", "-f", "haproxy.cfg"], port, folder)


def _run(argv: list[str], port: int, folder: Path) -> Program:
    program = Program(argv, port, folder)
    try:
        return program.wait_until_ready()
    except BaseException:
        program.close()
        raise
