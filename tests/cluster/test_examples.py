"""Every example as its comment says: put together, copied to the claim, applied, asked.

Real weights, real data, the manifests as they are: built, judged, tuned and served. Two or three
at a time, since all of them at once would want more memory than a small machine has.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from live_service import REFUSAL, LiveService

from modelservice_harness.access import Access
from modelservice_harness.images import USER
from modelservice_harness.upload import upload

EXAMPLES = Path(__file__).parents[2] / "examples"
#: A pruned model is trained several times, and the two beside it are built on the same cores.
READY_SECONDS = 900
ANSWER_SECONDS = 120

#: Example → what its client is asked, and a word that must be in the answer.
MALIGNANT = (
    "17.99 10.38 122.8 1001 0.1184 0.2776 0.3001 0.1471 0.2419 0.07871 1.095 0.9053 8.589 153.4"
    " 0.006399 0.04904 0.05373 0.01587 0.03003 0.006193 25.38 17.33 184.6 2019 0.1622 0.6656 0.7119"
    " 0.2654 0.4601 0.1189"
)
ASKED: Mapping[str, tuple[str, str]] = {
    "sentence-encoder": (
        "--tokenizer {prepared}/tokenizer.json|A cat sleeps.|The kitten is napping.|Taxes went up.",
        "The kitten is napping.",
    ),
    "image-classifier": ("pictures/cat.ppm", "cat"),
    "loan-classifier": ("", "approved"),
    "digits": ("seven.pgm", "7"),
    "token-tagger": (
        "--vocabulary {prepared}/vocabulary.txt|Anna Weber flew to Oslo in May.",
        "Anna Weber",
    ),
    "recommender": ("12 70 155", "book"),
    "tumour-classifier": (MALIGNANT, "malignant"),
}
EVERY = (
    ("sentence-encoder", "image-classifier", "loan-classifier"),
    ("digits", "token-tagger", "recommender", "tumour-classifier"),
)
#: Built within a minute each. The sentence encoder is the demo's too (test_demo_elsewhere); it,
#: the pictures and the pruned digits take four minutes each beside others: FULL=1, for a release.
QUICK = (("loan-classifier", "token-tagger", "recommender", "tumour-classifier"),)
GROUPS = EVERY if os.environ.get("FULL") else QUICK


@dataclass(slots=True)
class Applied:
    """The examples that were applied so far; a group at a time, the one before it gone."""

    cluster: Any
    namespaces: Callable[..., str]
    prepared: Path
    services: dict[str, LiveService] = field(default_factory=dict)
    namespace: str = ""

    def service(self, name: str) -> LiveService:
        """The example's service, applied with its group if it was not yet."""
        if name not in self.services:
            self.remove()
            self._apply(next(group for group in GROUPS if name in group))
        return self.services[name]

    def remove(self) -> None:
        """The group that is there, if any."""
        if self.namespace:
            access: Access = self.cluster.access
            access.kubectl("delete", "namespace", self.namespace, "--wait=false", check=False)
        self.services.clear()

    def _apply(self, group: tuple[str, ...]) -> None:
        access: Access = self.cluster.access
        self.namespace = self.namespaces(f"examples-{group[0]}")
        image = self.cluster.images.client
        for name in group:
            for folder in (name, f"{name}-data"):
                source = self.prepared / folder
                upload(access, self.namespace, source, folder, image=image, user=USER)
        for name in group:
            access.kubectl("apply", "-f", str(EXAMPLES / f"{name}.yaml"), namespace=self.namespace)
            self.services[name] = LiveService(
                access=access, local=self.cluster.local, namespace=self.namespace, name=name
            )


@pytest.fixture(scope="module")
def applied(cluster: Any, tiny_namespace: Callable[..., str]) -> Iterator[Applied]:
    """All examples, put together; applied when they are asked for."""
    out = cluster.workshop.layout.cache / "examples"
    command = [sys.executable, str(EXAMPLES / "prepare.py"), "--out", str(out)]
    path = f"{cluster.provisioned.uv.parent}:{cluster.workshop.environ['PATH']}"
    subprocess.run(command, env={**cluster.workshop.environ, "PATH": path}, check=True)
    made = Applied(cluster, tiny_namespace, out)
    yield made
    made.remove()


def test_every_example_is_asked() -> None:
    names = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
    assert sorted(ASKED) == names
    assert sorted(name for group in EVERY for name in group) == names


@pytest.mark.timeout(READY_SECONDS + ANSWER_SECONDS + 60)
@pytest.mark.parametrize("name", [name for group in GROUPS for name in group])
def test_an_example_is_built_judged_served_and_its_client_gets_the_right_answer(
    cluster: Any, applied: Applied, name: str
) -> None:
    service = applied.service(name)
    service.wait(lambda: service.condition("Ready").get("status") == "True", READY_SECONDS, "Ready")
    goal = service.condition("AccuracyGoalMet")
    assert goal["status"] == "True", goal["message"]
    words, wanted = ASKED[name]
    split = words.format(prepared=applied.prepared / name).split("|")
    asked = [*split[0].split(), *split[1:]]
    folder = EXAMPLES / name
    command = [cluster.client_python, str(folder / "client.py"), "--url", service.address(8001)]

    def answer() -> subprocess.CompletedProcess[str] | None:
        """None where it was refused: beside builds on two cores its latency goal wants that."""
        done = subprocess.run(
            [*command, *asked], cwd=folder, capture_output=True, text=True, check=False, timeout=60
        )
        return None if REFUSAL in done.stderr else done

    done = service.wait(answer, ANSWER_SECONDS, "an answer to its client")
    assert done.returncode == 0, done.stderr
    assert wanted in done.stdout
