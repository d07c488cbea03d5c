"""PodMonitors: off by default; with them the balancer's queries find what they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelservice_operator.api import names

Objects = list[dict[str, Any]]
Pick = Callable[..., dict[str, Any]]
Render = Callable[..., Objects]

ON = {"podMonitor": {"enabled": True, "labels": {"release": "prom"}, "interval": "15s"}}


def test_there_are_none_unless_asked_for(default_objects: Objects) -> None:
    assert "PodMonitor" not in {item["kind"] for item in default_objects}


def test_the_operator_is_scraped_at_its_metrics_port(render: Render, pick: Pick) -> None:
    objects = render(ON)
    monitor = pick(objects, "PodMonitor", "operator")
    pod = pick(objects, "Deployment")["spec"]["template"]

    assert monitor["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint == {"port": "metrics", "interval": "15s"}
    assert monitor["metadata"]["labels"]["release"] == "prom"


def test_serving_pods_are_selected_by_the_labels_that_the_operator_gives(
    render: Render, pick: Pick
) -> None:
    selector = pick(render(ON), "PodMonitor", "serving")["spec"]["selector"]["matchLabels"]

    assert selector.items() <= names.labels("encoder", names.SERVING).items()
    assert not selector.items() <= names.labels("encoder", names.BUILD).items()


def test_series_get_the_labels_that_the_balancer_asks_for(render: Render, pick: Pick) -> None:
    (endpoint,) = pick(render(ON), "PodMonitor", "serving")["spec"]["podMetricsEndpoints"]
    # As Prometheus writes a label's name: everything that is no letter or digit becomes "_".
    service = "".join(c if c.isalnum() else "_" for c in names.NAME_LABEL)

    assert {item["targetLabel"]: item["sourceLabels"] for item in endpoint["relabelings"]} == {
        "namespace": ["__meta_kubernetes_namespace"],
        "pod": ["__meta_kubernetes_pod_name"],
        "modelservice": [f"__meta_kubernetes_pod_label_{service}"],
    }


def test_all_watched_namespaces_are_scraped(render: Render, pick: Pick) -> None:
    everywhere = pick(render(ON), "PodMonitor", "serving")
    named = pick(render({**ON, "watchNamespaces": ["a", "b"]}), "PodMonitor", "serving")

    assert everywhere["spec"]["namespaceSelector"] == {"any": True}
    assert named["spec"]["namespaceSelector"] == {"matchNames": ["a", "b"]}
