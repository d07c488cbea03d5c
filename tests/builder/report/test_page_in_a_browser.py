"""The page as a browser shows it: nothing fetched, nothing run, nothing wider than a phone."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from modelservice_runtime.builder.report import Report
from modelservice_runtime.builder.report.page import page

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

#: Put into the page by the test alone; the page itself has no script.
PROBE = """<script>addEventListener("load",()=>{
const wide=[...document.querySelectorAll("body *")].filter(e=>!e.closest(".scroll")
&&!e.closest("caption")&&e.getBoundingClientRect().right>innerWidth+1).map(e=>e.tagName);
const flat=[...document.querySelectorAll("svg[role=img]")].filter(e=>
e.getBoundingClientRect().height<100).length;
const covered=[...document.querySelectorAll("svg[role=img]")].map(s=>{
const b=[...s.querySelectorAll("text.halo")].map(e=>e.getBoundingClientRect());
return b.some((p,i)=>b.some((q,j)=>i<j&&p.left<q.right-1&&q.left<p.right-1
&&p.top<q.bottom-4&&q.top<p.bottom-4))}).filter(Boolean).length;
document.body.dataset.probe=JSON.stringify({wide,flat,covered,
fetched:performance.getEntriesByType("resource").length,width:innerWidth,
ground:getComputedStyle(document.body).backgroundColor})})</script>"""


@pytest.fixture(scope="session")
def browser() -> str:
    """A headless Chromium."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed on this machine")
    return found


def dump(browser: str, url: str, home: Path, *options: str) -> str:
    """The page's document after it was loaded."""
    command = [
        browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", f"--user-data-dir={home / 'profile'}", "--virtual-time-budget=2000",
        *options, "--dump-dom", url,
    ]  # fmt: skip
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=50, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def probe(document: str) -> str:
    found = re.search(r'data-probe="([^"]*)"', document)
    assert found is not None
    return found[1].replace("&quot;", '"')


@pytest.mark.parametrize("kind", ["none", "pruning", "many", "hostile"])
@pytest.mark.parametrize("frame", [360, 1300])
def test_it_fits_phone_and_desk_and_no_label_covers_another(
    kind: str, frame: int, browser: str, load: Callable[[str], Report], tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_text(page(load(kind)).replace("</head>", f"{PROBE}</head>"))
    # A window has a least width of its own; a frame has none.
    (tmp_path / "frame.html").write_text(
        f'<!doctype html><iframe id="f" src="report.html" style="width:{frame}px;height:2000px">'
        '</iframe><script>addEventListener("load",()=>setTimeout(()=>{document.body.dataset.probe='
        'document.getElementById("f").contentDocument.body.dataset.probe},100))</script>'
    )
    url = f"file://{tmp_path}/frame.html"
    found = probe(dump(browser, url, tmp_path, "--allow-file-access-from-files"))
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
    path = tmp_path / "report.html"
    path.write_text(page(load("several")).replace("</head>", f"{PROBE}</head>"))
    options = [f"--blink-settings=preferredColorScheme={1 if scheme == 'light' else 0}"]
    found = probe(dump(browser, f"file://{path}", tmp_path, *options))
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
