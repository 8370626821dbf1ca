"""The script for other sites' pages: they may load it, it stays fresh, and it brings nothing along."""

import gzip
import re

import pytest

from muxboard.web.assets import STATIC

pytestmark = pytest.mark.gen_test(timeout=30)

MAX_BYTES = 4096


async def test_a_page_of_any_site_may_load_it_and_nothing_else(board):
    foreign = {
        "Origin": "https://portal.example.com",
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "cors",
    }
    script = await board.call("GET", "embed.js", token=None, headers=foreign)
    assert (script.status, script.body) == (200, b"2;")
    assert script.headers["Content-Type"] == "text/javascript"
    assert script.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert script.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in script.headers
    for path in ("", "assets/main-1a2b.js", "api/v1/me", "open"):
        other = await board.call("GET", path, headers=foreign)
        assert other.headers["Cross-Origin-Resource-Policy"] == "same-origin", path
        assert "Access-Control-Allow-Origin" not in other.headers, path


async def test_it_is_asked_for_again_soon_and_sent_again_only_when_it_changed(board):
    for packed in ({}, {"Accept-Encoding": "gzip"}):
        first = await board.call("GET", "embed.js", token=None, headers=packed)
        assert first.headers["Cache-Control"] == "public, max-age=300"
        assert first.headers["Vary"] == "Accept-Encoding"
        known = {**packed, "If-None-Match": first.headers["ETag"]}
        again = await board.call("GET", "embed.js", token=None, headers=known)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert again.headers["Access-Control-Allow-Origin"] == "*"
        changed = {**packed, "If-None-Match": '"another"'}
        assert (await board.call("GET", "embed.js", token=None, headers=changed)).status == 200
    assert first.body == b"\x1f\x8bembed"
    head = await board.call("HEAD", "embed.js", token=None)
    assert (head.status, head.body) == (200, b"")


async def test_it_lies_below_the_base_path(boards):
    board = await boards('[server]\nbase_path = "/console/"\n')
    assert (await board.call("GET", "embed.js", token=None)).status == 200


def test_the_built_script_is_small_alone_and_knows_no_address_but_its_own():
    """Needs the built page: make."""
    script = (STATIC / "embed.js").read_text()
    assert len(script.encode()) < MAX_BYTES
    assert "import.meta.url" in script
    assert not re.search(r"\bimport\s*[({\"'`*]|\bfrom\s*[\"'`]|https?:|//[a-z]|eval\(|innerHTML", script)
    assert gzip.decompress((STATIC / "embed.js.gz").read_bytes()).decode() == script
    assert "embed.js" not in (STATIC / "index.html").read_text()
