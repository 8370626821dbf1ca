"""The folder, the files and the programs of one run."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bench import corpus, programs

if TYPE_CHECKING:
    from bench.corpus import Corpus

MIB = 1024 * 1024


class Workshop:
    """Everything that a run writes, gone after it."""

    def __init__(self, *, quick: bool) -> None:
        self.quick = quick
        self.folder = Path(tempfile.mkdtemp(prefix="muxbench-"))
        self.token = secrets.token_urlsafe(24)
        self._corpora: dict[str, Corpus] = {}
        sizes = {
            "bulk": 20_000_000 if quick else 100_000_000,
            "tmux": 4_000_000 if quick else 20_000_000,
            "tail": MIB,
        }
        self._sizes = sizes
        self.programs = programs.table({name: str(self.folder / f"{name}.log") for name in sizes})
        (self.folder / "programs.json").write_text(json.dumps(self.programs))

    def corpus(self, name: str) -> Corpus:
        """Return a file of log lines, written at its first use."""
        if name not in self._corpora:
            self._corpora[name] = corpus.write(self.folder / f"{name}.log", self._sizes[name])
        return self._corpora[name]

    def environment(self, **more: str) -> dict[str, str]:
        """Return what every server and program of the run is started with."""
        keep = {
            name: value
            for name, value in os.environ.items()
            if name in {"PATH", "HOME", "USER", "LANG", "LOGNAME"}
        }
        home = str(Path(__file__).parents[1])
        base = {"LANG": "C.UTF-8", "TERM": "xterm-256color", "SHELL": "/bin/bash", "PYTHONPATH": home}
        return {**base, **keep, **more}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            shutil.rmtree(self.folder)
