"""Model Analyzer's configuration for one search. Pure; it is YAML, and JSON is that too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tuner_figures.models.cases import Bounds, TunedModel

from .modes import Mode

_LEAST_RATE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where one search works: all below ``root``."""

    root: Path

    @property
    def source(self) -> Path:
        """The repository that is searched."""
        return self.root / "source"

    @property
    def variants(self) -> Path:
        """The repository that it makes of it."""
        return self.root / "variants"

    @property
    def results(self) -> Path:
        """Its tables."""
        return self.root / "export" / "results" / "metrics-model-inference.csv"

    @property
    def made(self) -> tuple[Path, ...]:
        """What it wants to find."""
        return (self.source, self.variants, self.root / "export", self.root / "checkpoints")


def profile(
    *,
    model: TunedModel,
    bounds: Bounds,
    mode: Mode,
    folders: Folders,
    inputs: Path,
    programs: Mapping[str, Path],
    ports: Mapping[str, int],
) -> str:
    """Of one search. ``programs``: tritonserver and perf_analyzer."""
    window = {"measurement-mode": "time_windows", "measurement-interval": bounds.window_ms}
    flags = {**window, "stability-percentage": bounds.stability, "input-data": str(inputs)}
    words = {
        "model_repository": str(folders.source),
        "output_model_repository_path": str(folders.variants),
        "override_output_model_repository": True,
        "checkpoint_directory": str(folders.root / "checkpoints"),
        "export_path": str(folders.root / "export"),
        "skip_detailed_reports": True,
        "triton_launch_mode": "local",
        "triton_server_path": str(programs["tritonserver"]),
        "perf_analyzer_path": str(programs["perf_analyzer"]),
        "client_protocol": "grpc",
        "triton_http_endpoint": f"127.0.0.1:{ports['http']}",
        "triton_grpc_endpoint": f"127.0.0.1:{ports['grpc']}",
        "triton_metrics_url": f"http://127.0.0.1:{ports['metrics']}/metrics",
        "gpus": [],
        "run_config_search_max_instance_count": bounds.instances,
        "run_config_search_max_model_batch_size": bounds.batch,
        **_load(mode, bounds),
        "profile_models": {
            model.name: {
                "cpu_only": True,
                "objectives": ["perf_throughput"],
                "constraints": {"perf_latency_p99": {"max": model.goal_ms}},
                "perf_analyzer_flags": flags,
            }
        },
        **mode.options,
    }
    return json.dumps(words, indent=1)


def _load(mode: Mode, bounds: Bounds) -> Mapping[str, object]:
    """It refuses bounds of both kinds."""
    if not mode.by_rate:
        return {"run_config_search_max_concurrency": bounds.concurrency}
    return {
        "request_rate_search_enable": True,
        "run_config_search_min_request_rate": _LEAST_RATE,
        "run_config_search_max_request_rate": power_of_two(bounds.rate),
    }


def power_of_two(rate: float) -> int:
    """The first of its steps that is not below ``rate``."""
    found = _LEAST_RATE
    while found < rate:
        found *= 2
    return found
