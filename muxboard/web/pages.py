"""The page and its files."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from muxboard.problems import Code, Problem
from muxboard.web.handler import Access, Handler

if TYPE_CHECKING:
    from muxboard.web.assets import Asset

_YEAR_S = 365 * 86400
_EMBED_S = 300  # its name never changes: pages that embed us have a new one this soon
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; "
    "style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors {ancestors}; require-trusted-types-for 'script'; "
    "trusted-types lit-html default"
)


class Page(Handler):
    """The single page; which screen it shows is told by the address alone."""

    access = {"GET": Access.public, "HEAD": Access.public}

    def get(self, *_: str) -> None:
        server = self.services.config.server
        nonce = secrets.token_urlsafe(16)
        ancestors = " ".join(server.frame_ancestors) or "'none'"
        self.set_header("Content-Security-Policy", _CSP.format(nonce=nonce, ancestors=ancestors))
        if server.frame_ancestors:
            self.clear_header("X-Frame-Options")  # it cannot name origins; the policy above does
        self.set_header("Content-Type", "text/html; charset=utf-8")
        page = self.services.assets.index
        self.write(page.replace("__BASE__", server.base_path).replace("__NONCE__", nonce))

    def head(self, *_: str) -> None:
        self.get()


def _send(handler: Handler, asset: Asset) -> None:
    """Answer with a file, packed for those who take it. Tornado adds its ETag."""
    handler.set_header("Content-Type", asset.media_type)
    handler.set_header("Vary", "Accept-Encoding")
    if asset.gzipped and "gzip" in handler.request.headers.get("Accept-Encoding", ""):
        handler.set_header("Content-Encoding", "gzip")
        handler.write(asset.gzipped)
    else:
        handler.write(asset.content)


class AssetFile(Handler):
    """A file of the page; its name holds its hash, so it never changes."""

    access = {"GET": Access.public, "HEAD": Access.public}

    def get(self, name: str) -> None:
        asset = self.services.assets.files.get(name)
        if asset is None:
            raise Problem(Code.not_found)
        self.set_header("Cache-Control", f"public, max-age={_YEAR_S}, immutable")
        _send(self, asset)

    def head(self, name: str) -> None:
        self.get(name)


class EmbedFile(Handler):
    """The script of ``<muxboard-terminal>`` for other sites' pages; the one file that they may load."""

    access = {"GET": Access.public, "HEAD": Access.public}

    def get(self) -> None:
        self.set_header("Cache-Control", f"public, max-age={_EMBED_S}")
        self.set_header("Cross-Origin-Resource-Policy", "cross-origin")
        # Module scripts are always fetched by CORS. It is the same for everybody, so for everybody it is.
        self.set_header("Access-Control-Allow-Origin", "*")
        _send(self, self.services.assets.embed)

    def head(self) -> None:
        self.get()


class ToBase(Handler):
    """``/console`` → ``/console/``."""

    access = {"GET": Access.public}

    def get(self) -> None:
        self.redirect(self.services.config.server.base_path)


class NotFound(Handler):
    """Everything that is not in the route table."""

    access = dict.fromkeys(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"), Access.public)

    def _refuse(self, *_: str) -> None:
        raise Problem(Code.not_found)

    get = head = post = put = patch = delete = options = _refuse
