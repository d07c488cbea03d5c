"""What is broken on purpose, for real, while our side has a steady load."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from modelservice_harness.controls import Operator, Prometheus, ReplicaMetrics
from modelservice_harness.install import Pace, install_prometheus, wait_for_deployment
from modelservice_harness.manifests import prometheus as manifests

from . import recorded
from .broken import FAULTS, LONG, load, mark_of
from .setting import GPU, NAMESPACES, OURS, STOPPED_NODE
from .sides import Balanced, Profiles, until
from .site import SCRAPE_SECONDS, Site
from .watching import Watched

_SOON_SECONDS = 15.0
_QUOTA = "cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaking:
    """The hands: what begins each fault, and what ends it."""

    site: Site

    def hands(self) -> Mapping[str, tuple[Callable[[], object], Callable[[], object]]]:
        """By fault, as ``broken.FAULTS`` names them."""
        prometheus = Prometheus(access=self.site.access, url=self.site.prometheus)
        operator = Operator(access=self.site.access)
        metrics = ReplicaMetrics(local=self.site.local, nft=self.site.nft)
        local = self.site.local
        return {
            "answers empty": (self.empty, self.fill),
            "pods' metrics blocked": (metrics.block, metrics.unblock),
            "Prometheus stopped": (lambda: prometheus.scale(0), lambda: prometheus.scale(1)),
            "operator killed": (operator.kill, operator.wait_until_available),
            "quota cut to 4": (self.cut, self.restore),
            "a node stopped": (
                lambda: local.node("stop", STOPPED_NODE),
                lambda: local.node("start", STOPPED_NODE),
            ),
        }  # fmt: skip

    def empty(self) -> None:
        """Prometheus answers, and knows of nobody."""
        objects = manifests.objects(
            image=self.site.images.prometheus,
            python_image=self.site.images.client,
            interval_seconds=SCRAPE_SECONDS,
        )
        self.site.access.apply(*(_knowing_nobody(item) for item in objects))
        wait_for_deployment(self.site.access, manifests.NAME, manifests.NAMESPACE, seconds=60)

    def fill(self) -> None:
        """As it was, without what it had recorded."""
        install_prometheus(self.site.access, self.site.images, Pace(scrape_seconds=SCRAPE_SECONDS))

    def cut(self) -> None:
        """Four GPUs for the namespace."""
        self.site.access.apply(
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": _QUOTA, "namespace": NAMESPACES[OURS]},
                "spec": {"hard": {f"requests.{GPU}": "4"}},
            }
        )

    def restore(self) -> None:
        """As many as there are."""
        self.site.access.kubectl("delete", "resourcequota", _QUOTA, namespace=NAMESPACES[OURS])


def _knowing_nobody(item: Mapping[str, object]) -> dict[str, object]:
    """The configuration without anything to scrape, and pods that begin anew with it."""
    found = copy.deepcopy(dict(item))
    if isinstance(data := found.get("data"), dict):
        data["prometheus.yml"] = json.dumps({"scrape_configs": []})
    if found["kind"] == "Deployment" and isinstance(spec := found["spec"], dict):
        spec["template"]["metadata"]["annotations"] = {"modelservice.dev/config": "empty"}
    return found


def run(site: Site, ours: Balanced, watched: Watched, profiles: Profiles, pace: float) -> str:
    """Each fault in its turn, ``pace`` times as long as planned; the file's text."""
    hands = Breaking(site=site).hands()
    each = min(profile["capacityRowsPerSecond"] for profile in profiles.values())
    window = load(each, pace)
    ours.hold()
    ours.place.settled()
    begin = time.time() + _SOON_SECONDS
    ours.place.send(window, begin, seed=1)
    ours.let_go()
    marks = []
    for fault in FAULTS:
        start, stop = hands[fault.name]
        until(begin + pace * fault.begin)
        site.say(f"  fault: {fault.name}")
        began = time.time()
        start()
        until(begin + pace * fault.end)
        stop()
        marks.append(mark_of(fault.name, began - begin, time.time() - begin))
    until(begin + pace * LONG)
    head = {
        "begin": begin, "lead": 0.0, "window": asdict(window), "profiles": profiles,
        "marks": marks,
    }  # fmt: skip
    answers = {OURS: ours.place.answers()}
    return recorded.dumps(head, answers, {OURS: watched.of(NAMESPACES[OURS], begin)})
