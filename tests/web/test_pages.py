"""The page and its files."""

import gzip
import re
from pathlib import Path

import pytest

from muxboard.web.assets import STATIC, Assets
from tests.web.harness import stand_in

pytestmark = pytest.mark.gen_test(timeout=30)

PAGES = [
    "", "h/local", "h/no-such-host", "h/local/root/one", "h/local/root/%23(touch%20x)", "h/a/b/a%2Fb",
    "login", "open", "open?host=x",
]  # fmt: skip


def directives(policy: str) -> dict[str, str]:
    return {name: rest for name, _, rest in (part.strip().partition(" ") for part in policy.split(";"))}


async def test_every_address_of_the_page_is_the_same_page_and_says_nothing_of_anybody(board):
    pages = set()
    for path in PAGES:
        answer = await board.call("GET", path, token=None)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        pages.add(re.sub(rb'nonce="[^"]+"', b"", answer.body))
        empty = await board.call("HEAD", path, token=None)
        assert (empty.status, empty.body) == (200, b"")
    assert len(pages) == 1
    assert b"__" not in pages.pop()


async def test_the_policy_lets_no_foreign_and_no_inline_script_run(board):
    policy = directives((await board.call("GET", "", token=None)).headers["Content-Security-Policy"])
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] in {"'self'", "'none'"}
    assert policy["form-action"] in {"'self'", "'none'"}
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe-inline" not in policy["style-src"]
    assert not re.search(r"unsafe-eval|https?:|\*|blob:", " ".join(policy.values()))


async def test_each_answer_has_a_nonce_of_its_own(board):
    seen = set()
    for _ in range(5):
        answer = await board.call("GET", "", token=None)
        (nonce,) = re.findall(r"'nonce-([^']+)'", answer.headers["Content-Security-Policy"])
        assert f'nonce="{nonce}"'.encode() in answer.body
        seen.add(nonce)
    assert len(seen) == 5
    assert all(len(nonce) * 6 >= 128 for nonce in seen)


async def test_who_may_embed_the_page_is_named_and_the_api_stays_closed(boards):
    board = await boards('[server]\nframe_ancestors = ["https://portal.example.com"]\n')
    answer = await board.call("GET", "", token=None)
    policy = directives(answer.headers["Content-Security-Policy"])
    assert policy["frame-ancestors"] == "https://portal.example.com"
    assert "X-Frame-Options" not in answer.headers
    api = await board.call("GET", "api/v1/me")
    assert "frame-ancestors 'none'" in api.headers["Content-Security-Policy"]
    assert api.headers["X-Frame-Options"] == "DENY"


async def test_the_base_path_stands_in_the_page(boards):
    board = await boards('[server]\nbase_path = "/console/"\n')
    assert b'<base href="/console/">' in (await board.call("GET", "", token=None)).body


async def test_files_are_kept_for_a_year_and_gzipped_for_who_takes_it(board):
    plain = await board.call("GET", "assets/main-1a2b.js", token=None)
    assert (plain.status, plain.body) == (200, b"1;")
    assert plain.headers["Content-Type"] == "text/javascript"
    assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert plain.headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in plain.headers
    packed = await board.call(
        "GET", "assets/main-1a2b.js", token=None, headers={"Accept-Encoding": "br, gzip"}
    )
    assert (packed.body, packed.headers["Content-Encoding"]) == (b"\x1f\x8bgzipped", "gzip")
    style = await board.call("GET", "assets/style-1.css", token=None)
    assert style.headers["Content-Type"] == "text/css"


async def test_a_file_that_is_not_there_is_404_and_not_cached(board):
    answer = await board.call("GET", "assets/nothing.js", token=None)
    assert (answer.status, answer.code) == (404, "not_found")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_page_that_was_not_built_says_which_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"index\.html"):
        Assets(tmp_path)


def test_nothing_is_read_after_the_start(tmp_path):
    assets = stand_in(tmp_path)
    (tmp_path / "assets" / "later.js").write_text("2;")
    (tmp_path / "assets" / "link.js").symlink_to("/etc/passwd")
    assert set(assets.files) == {"main-1a2b.js", "style-1.css"}


def test_the_built_page_asks_nobody_else_and_holds_no_inline_script():
    """Needs the built page: make."""
    index = (STATIC / "index.html").read_text()
    assert not re.search(r"(src|href)=\"?(https?:)?//", index)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", index))
    assert not re.search(r"\son\w+=|javascript:|style=", index)
    for name in re.findall(r'(?:src|href)="\.?/?(assets/[^"]+)"', index):
        assert (STATIC / name).is_file(), name
    for packed in Path(STATIC / "assets").glob("*.gz"):
        assert gzip.decompress(packed.read_bytes()) == packed.with_suffix("").read_bytes()
