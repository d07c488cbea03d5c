"""docs/balancing.md is true: commands, metrics, examples and figures are those of the code."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path

import pytest
import yaml

from modelservice_operator.adapters.gpus import READ_SECONDS
from modelservice_operator.api import names
from modelservice_operator.api.pausing import SIDES
from modelservice_operator.command_line import make_parser
from modelservice_operator.load import (
    balance,
    cold_start,
    error_budget,
    forecast,
    hold,
    places,
    replicas,
)
from modelservice_operator.load.reading import WINDOW_SECONDS
from modelservice_operator.load.sharing import SWITCHING
from modelservice_operator.settings import BalancerSettings
from modelservice_operator.telemetry import OperatorTelemetry
from modelservice_operator.telling.explaining import explain
from modelservice_operator.telling.figures import parse_figures
from modelservice_operator.telling.table import top

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "balancing.md").read_text(encoding="utf-8")
#: One line each; tests/cluster/test_balancing_doc.py runs them on a cluster.
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
FIGURES = """
modelservice_offered_rows_per_second{namespace="demo",name="chat"} 151.5
modelservice_expected_rows_per_second{namespace="demo",name="chat"} 180
modelservice_planned_rows_per_second{namespace="demo",name="chat"} 212
modelservice_capacity_rows_per_second{namespace="demo",name="chat"} 48
modelservice_requests_last_minute{namespace="demo",name="chat"} 9000
modelservice_rejected_requests_last_minute{namespace="demo",name="chat"} 18
modelservice_gpus_held{namespace="demo",name="chat",pool="nvidia.com/gpu"} 5
modelservice_offered_rows_per_second{namespace="demo",name="tagger"} 40
modelservice_expected_rows_per_second{namespace="demo",name="tagger"} 41
modelservice_capacity_rows_per_second{namespace="demo",name="tagger"} 48
modelservice_requests_last_minute{namespace="demo",name="tagger"} 2400
modelservice_rejected_requests_last_minute{namespace="demo",name="tagger"} 0
modelservice_gpus_held{namespace="demo",name="tagger",pool="nvidia.com/gpu"} 2
modelservice_gpus_usable{pool="nvidia.com/gpu"} 8
"""


def service(name: str, ready: int, desired: int) -> dict[str, object]:
    """A service as the page shows it."""
    return {
        "metadata": {"namespace": "demo", "name": name},
        "spec": {"scaling": {"minReplicas": 1, "maxReplicas": 8, "priority": 10}},
        "status": {
            "goal": "p99 ≤ 50 ms",
            "replicas": {"ready": ready, "desired": desired, "summary": f"{ready}/{desired}"},
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Serving",
                    "message": "5 replicas answer",
                },
                {
                    "type": "WithinBudget",
                    "status": "True",
                    "reason": "WithinBudget",
                    "message": "5 of all 8 nvidia.com/gpu",
                },
            ],
            "decisions": [
                {
                    "time": "2026-01-31T12:01:00Z",
                    "from": 3,
                    "to": 5,
                    "reason": "212 rows/s expected in 40 s, capacity 48 rows/s each at p99 ≤ 50 ms;"
                    " 2 nvidia.com/gpu taken from demo/tagger (priority 0)",
                }
            ],
        },
    }


def test_what_it_shows_is_what_the_commands_print() -> None:
    known = parse_figures(FIGURES)
    chat, tagger = service("chat", 3, 5), service("tagger", 2, 2)
    assert f"```\n{explain(chat, known)}\n```" in TEXT
    assert f"```\n{top([chat, tagger], known)}\n```" in TEXT


def test_its_metrics_are_all_that_there_are() -> None:
    """Names and labels."""
    telemetry = OperatorTelemetry(limit_seconds=60)
    found = {}
    for collector in telemetry.registry._collector_to_names:
        (family,) = collector.describe()  # type: ignore[attr-defined]
        name = family.name + ("_total" if family.type == "counter" else "")
        found[name] = ", ".join(collector._labelnames) or "-"  # type: ignore[attr-defined]
    rows = re.findall(r"^\| `(modelservice_\w+)` \| ([^|]*) \|", TEXT, re.MULTILINE)
    assert {name: labels.strip() for name, labels in rows} == found


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if "modelservice_operator" in c or "modelservice-operator" in c]
)
def test_its_commands_are_understood(command: str) -> None:
    _, _, arguments = command.replace("modelservice_operator", "modelservice-operator ").rpartition(
        "modelservice-operator "
    )
    options = make_parser(settings="", settings_words="").parse_args(shlex.split(arguments))
    assert options.command in {"explain", "top"}


def test_its_pauses_are_those_that_there_are() -> None:
    assert f"`{names.PAUSE}`: " + ", ".join(f"`{side}`" for side in SIDES) in TEXT


@pytest.mark.parametrize(
    "words",
    [
        f"looks every {BalancerSettings().interval_seconds} s",
        f"older than {BalancerSettings().metrics_stale_seconds} s",
        f"the last {WINDOW_SECONDS} s of",
        f"at most half every {balance.DOWN_STEP_SECONDS:.0f} s",
        f"for a replica for {places.HOMELESS_SECONDS:.0f} s",
        f"at least {cold_start.DEFAULT_SECONDS:.0f} s until three were seen",
        f"{hold.SHORTEST:.0f} s at least and {hold.LONGEST:.0f} s at most",
        f"({100 * SWITCHING:.0f} points)",
    ],
)
def test_its_figures_are_those_of_the_code(words: str) -> None:
    assert words in TEXT.replace("\n", " ")


def test_its_words_for_figures_are_still_right() -> None:
    """Where the page has words for a number, as in "three times in a row"."""
    assert replicas.FRESH_READINGS == 3
    assert hold.STARTS == 5
    assert cold_start.ENOUGH == 3
    assert (cold_start.REMEMBERED, cold_start.QUANTILE, forecast.QUANTILE) == (10, 0.9, 0.9)
    assert (forecast.TREND_SHARE, forecast.MEMORY_SECONDS) == (0.5, 3600)
    assert (error_budget.UP, error_budget.DOWN, error_budget.PLANNED_SHARE) == (1.25, 0.98, 0.4)
    assert (error_budget.MOST, forecast.EASY) == (8, 0.25)
    assert math.sqrt(error_budget.LEAST / forecast.EASY) == pytest.approx(0.75, abs=0.005)
    shortfalls = forecast.Shortfalls(short=tuple((0.0, float(n)) for n in range(1, 61)))
    covered = {care: shortfalls.margin(0.0, care) / 60 for care in (0.5, 1.0, 2.0, 6.1)}
    assert covered == {0.5: 4 / 5, 1.0: 9 / 10, 2.0: 19 / 20, 6.1: 1.0}
    assert balance.SETTLING_STARTS == 2
    assert READ_SECONDS <= 60
    assert (replicas.SAFE_AFTER_SECONDS, replicas.PEAK_SECONDS) == (10 * 60, 24 * 3600)


def test_its_values_are_those_of_the_chart() -> None:
    values = yaml.safe_load((ROOT / "charts/modelservice-operator/values.yaml").read_text())
    for path in re.findall(r"`((?:balancer|prometheus)\.\w+)`", TEXT):
        section, key = path.split(".")
        assert key in values[section], path
