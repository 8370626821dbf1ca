"""Attacks use the handlers' harness: real Services on the test's loop."""

from tests.web.conftest import _no_other_loop, board, boards, programs  # noqa: F401  fixtures
