"""No terminal is compressed: lengths would tell secrets to whoever chooses text beside them."""

from __future__ import annotations

import pytest

from tests.web.transports import TRANSPORTS

pytestmark = pytest.mark.gen_test(timeout=20)

OFFERED = [
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
]


@pytest.mark.parametrize("kind", TRANSPORTS.values(), ids=TRANSPORTS)
async def test_no_transport_takes_up_an_offer_to_compress(board, kind):
    board.tmux.new("much", "yes 0123456789 | head -500; exec cat")
    client = kind(board.port, f"{board.base}api/v1/terminals/{await board.open('much')}")
    client.lines += OFFERED
    await client.open()
    await client.shows(b"0123456789")
    assert client.status in {101, 200}
    assert "content-encoding" not in client.headers
    assert "sec-websocket-extensions" not in client.headers
    client.cut()
