"""Pages in a headless Chromium: what it makes of them, without a person to look."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

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


def find_browser() -> str:
    """Skips the test where there is none."""
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
    """What the probe found out."""
    found = re.search(r'data-probe="([^"]*)"', document)
    assert found is not None
    return found[1].replace("&quot;", '"')


def with_probe(page: str) -> str:
    """The page that looks at itself."""
    return page.replace("</head>", f"{PROBE}</head>")


def probe_in_frame(browser: str, page: str, width: int, folder: Path) -> str:
    """What the page finds out about itself in a frame so wide; written to ``folder``."""
    (folder / "report.html").write_text(with_probe(page))
    # A window has a least width of its own; a frame has none.
    (folder / "frame.html").write_text(
        f'<!doctype html><iframe id="f" src="report.html" style="width:{width}px;height:2000px">'
        '</iframe><script>addEventListener("load",()=>setTimeout(()=>{document.body.dataset.probe='
        'document.getElementById("f").contentDocument.body.dataset.probe},100))</script>'
    )
    url = f"file://{folder}/frame.html"
    return probe(dump(browser, url, folder, "--allow-file-access-from-files"))


def probe_in_scheme(browser: str, page: str, scheme: str, folder: Path) -> str:
    """The same for a reader who likes ``light`` or ``dark``."""
    path = folder / "report.html"
    path.write_text(with_probe(page))
    options = [f"--blink-settings=preferredColorScheme={1 if scheme == 'light' else 0}"]
    return probe(dump(browser, f"file://{path}", folder, *options))
