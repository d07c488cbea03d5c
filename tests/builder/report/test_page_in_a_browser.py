"""The page as a browser shows it: nothing fetched, nothing run, nothing wider than a phone."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from page_browser import dump, find_browser, probe_in_frame, probe_in_scheme

from modelservice_runtime.builder.report import Report
from modelservice_runtime.builder.report.page import page


@pytest.fixture(scope="session")
def browser() -> str:
    """A headless Chromium."""
    return find_browser()


@pytest.mark.parametrize("kind", ["none", "pruning", "many", "hostile"])
@pytest.mark.parametrize("frame", [360, 1300])
def test_it_fits_phone_and_desk_and_no_label_covers_another(
    kind: str, frame: int, browser: str, load: Callable[[str], Report], tmp_path: Path
) -> None:
    found = probe_in_frame(browser, page(load(kind)), frame, tmp_path)
    assert f'"width":{frame}' in found
    assert '"wide":[]' in found
    assert '"flat":0' in found
    assert '"covered":0' in found
    assert '"fetched":0' in found


@pytest.mark.parametrize(
    ("scheme", "ground"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 23, 27)")]
)
def test_it_follows_the_colour_scheme(
    scheme: str, ground: str, browser: str, load: Callable[[str], Report], tmp_path: Path
) -> None:
    found = probe_in_scheme(browser, page(load("several")), scheme, tmp_path)
    assert f'"ground":"{ground}"' in found


class Recorder(BaseHTTPRequestHandler):
    """Serves one page and notes what is asked for."""

    def __init__(self, text: str, asked: list[str], *args: object) -> None:
        self.text, self.asked = text, asked
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer with the page, and with nothing for anything else."""
        self.asked.append(self.path)
        body = self.text.encode() if self.path == "/report.html" else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(load: Callable[[str], Report]) -> Iterator[tuple[str, list[str]]]:
    """The hostile report behind a server that notes every request."""
    asked: list[str] = []
    handler = functools.partial(Recorder, page(load("hostile")), asked)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/report.html", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_browser_runs_nothing_and_asks_for_nothing_else(
    served: tuple[str, list[str]], browser: str, tmp_path: Path
) -> None:
    url, asked = served
    document = dump(browser, url, tmp_path)
    assert set(asked) - {"/favicon.ico"} == {"/report.html"}
    assert "<script" not in document
    assert "&lt;script&gt;alert(" in document
