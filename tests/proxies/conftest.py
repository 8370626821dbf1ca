"""One identity provider for all, one set-up of each proxy for a module's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.proxies.fronts import FRONTS, Front
from tests.proxies.idp import Idp
from tests.proxies.site import Site, running
from tests.rig.browser import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator


SHOWN = 6000  # characters of logs with a failure


@pytest.fixture(scope="package")
def fronts() -> dict[str, Front]:
    return {kind.name: kind() for kind in FRONTS}


@pytest.fixture(scope="package")
def idp(fronts: dict[str, Front]) -> Iterator[Idp]:
    provider = Idp([front.client for front in fronts.values()])
    try:
        provider.program.wait_until_ready()
        yield provider
    finally:
        provider.close()


@pytest.fixture(scope="package", params=[kind.name for kind in FRONTS])
def site(request: pytest.FixtureRequest, fronts: dict[str, Front], idp: Idp) -> Iterator[Site]:
    """Each proxy in its turn, with a muxboard of its own behind it."""
    with running(fronts[request.param], idp) as site:
        yield site


@pytest.fixture(autouse=True)
def _told(request: pytest.FixtureRequest) -> Iterator[None]:
    """A failure shows what the programs have said."""
    yield
    report = getattr(request.node, "report_call", None)
    site = request.node.funcargs.get("site")
    if report is not None and report.failed and site is not None:
        report.sections.append(("what the programs said", site.log[-SHOWN:]))


class TwoHomes(Watch):
    """The page may go to the identity provider too."""

    def __init__(self, origin: str, provider: str) -> None:
        super().__init__(origin)
        self._provider = provider

    def third_party(self) -> list[str]:
        return [url for url in super().third_party() if not url.startswith(self._provider + "/")]


@pytest.fixture
def watch(site: Site) -> Watch:
    return TwoHomes(site.url, site.idp.url)
