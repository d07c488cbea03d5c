"""The cache: a thing is built once, a killed build is repeated, what is in use stays."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelservice_harness.console import Console
from modelservice_harness.digests import digest_of_files
from modelservice_harness.layout import Layout, layout_of
from modelservice_harness.locks import exclusive
from modelservice_harness.processes import Runner
from modelservice_harness.pruning import Built, prune, superfluous
from modelservice_harness.workshop import MARKER, Workshop, clean_environ, is_complete


def workshop_in(tmp_path: Path) -> Workshop:
    with (tmp_path / "terminal").open("a", encoding="utf-8") as stream:
        pass
    console = Console((tmp_path / stream.name).open("a", encoding="utf-8"))
    return Workshop(
        layout=Layout(repository=tmp_path / "repo", cache=tmp_path / "cache"),
        console=console,
        runner=Runner(console),
        environ=dict(os.environ),
    )
