"""Every example as its comment says: put together, copied to the claim, applied, asked.

Real weights; both are applied at once and answer as soon as they are built.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from live_service import READY_SECONDS, LiveService

from modelservice_harness.access import Access
from modelservice_harness.images import USER
from modelservice_harness.upload import upload

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = tuple(sorted(path.stem for path in EXAMPLES.glob("*.yaml")))
ASKED = {
    "image-classifier": ["pictures/cat.ppm"],
    "sentence-encoder": ["A cat sleeps.", "The kitten is napping.", "Taxes went up."],
}
TOLD = {"image-classifier": "cat", "sentence-encoder": "The kitten is napping."}


@pytest.fixture(scope="module")
def served(cluster: Any, tiny_namespace: Callable[..., str]) -> Iterator[dict[str, LiveService]]:
    """All examples in one namespace, by name; not waited for."""
    access: Access = cluster.access
    out = cluster.workshop.layout.cache / "examples"
    command = [sys.executable, str(EXAMPLES / "prepare.py"), "--out", str(out)]
    path = f"{cluster.provisioned.uv.parent}:{cluster.workshop.environ['PATH']}"
    subprocess.run(command, env={**cluster.workshop.environ, "PATH": path}, check=True)
    namespace = tiny_namespace("examples")
    for name in NAMES:
        upload(access, namespace, out / name, name, image=cluster.images.client, user=USER)
    for name in NAMES:
        access.kubectl("apply", "-f", str(EXAMPLES / f"{name}.yaml"), namespace=namespace)
    yield {
        name: LiveService(access=access, local=cluster.local, namespace=namespace, name=name)
        for name in NAMES
    }
    access.kubectl("delete", "namespace", namespace, "--wait=false", check=False)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_served_and_its_client_gets_the_right_answer(
    cluster: Any, served: dict[str, LiveService], name: str
) -> None:
    service = served[name]
    service.wait(lambda: service.condition("Ready").get("status") == "True", READY_SECONDS, "Ready")
    folder = EXAMPLES / name
    options = ["--url", service.address(8001)]
    if name == "sentence-encoder":
        tokenizer = cluster.workshop.layout.cache / "examples" / name / "tokenizer.json"
        options += ["--tokenizer", str(tokenizer)]
    done = subprocess.run(
        [cluster.client_python, str(folder / "client.py"), *options, *ASKED[name]],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[0 if name == "image-classifier" else 1]
    assert TOLD[name] in first, done.stdout
