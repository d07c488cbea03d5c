"""The page as a browser shows it: nothing fetched, nothing wider than a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_browser import find_browser, probe_in_frame, probe_in_scheme
from tuning_reports import REPORTS

from modelservice_runtime.tuner.report.page import page


@pytest.fixture(scope="session")
def browser() -> str:
    """A headless Chromium."""
    return find_browser()


@pytest.mark.parametrize("kind", ["nothing", "full", "many", "hostile"])
@pytest.mark.parametrize("frame", [360, 1300])
def test_it_fits_phone_and_desk_and_no_label_covers_another(
    kind: str, frame: int, browser: str, tmp_path: Path
) -> None:
    found = probe_in_frame(browser, page(REPORTS[kind]()), frame, tmp_path)
    assert f'"width":{frame}' in found
    assert '"wide":[]' in found
    assert '"flat":0' in found
    assert '"covered":0' in found
    assert '"fetched":0' in found


@pytest.mark.parametrize(
    ("scheme", "ground"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 23, 27)")]
)
def test_it_follows_the_colour_scheme(
    scheme: str, ground: str, browser: str, tmp_path: Path
) -> None:
    found = probe_in_scheme(browser, page(REPORTS["full"]()), scheme, tmp_path)
    assert f'"ground":"{ground}"' in found
