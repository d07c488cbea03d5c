"""A Triton that somebody else started, asked over gRPC: a setting is a load with an override.

In place: requests go on being answered while it loads. Needs the model-repository API
(``--model-control-mode=explicit``).
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from modelservice_runtime.contract.admin import ADMIN_HEADER, GRPC_HEADER_PREFIX
from modelservice_runtime.contract.model_config import PAD_REQUESTS

from .deadline import Deadline
from .errors import MODEL_NOT_SERVABLE, TooLate, TritonDied, UserError
from .gpu import processes_of
from .memory_use import MemoryUse, family_use, instances_of, wait_for_leaving
from .padding import Padding, RefusedError, check_lengths
from .request_lengths import SampleRows
from .settings import Option, Setting
from .statistics import Counters, parse_counters, read_gpu_memory

#: The parameter that says how many threads an instance's engine has.
THREADS = "intra_op_thread_count"
_BACKENDS_WITH_THREADS = ("onnxruntime",)
#: Where the user said the lengths.
LENGTHS_OPTION = "--lengths"
_CALL_SECONDS = 10.0
_ANSWER_SECONDS = 60.0
_LOAD_SECONDS = 300.0


@dataclass(slots=True, kw_only=True)
class RunningServer:
    """``config``: the model's as it was found. ``pid``: of a server on this machine, 0 for none.

    ``admin_key``: of the restricted APIs, where there is one. ``metrics``: where it tells how much
    of its GPUs' memory is used, empty if it does not. ``others``: instances of other models there.
    ``lengths``: to ask a row of each, of ``rows``, where the traffic says some.
    """

    client: InferenceServerClient
    model: str
    config: Mapping[str, Any]
    admin_key: str = ""
    pid: int = 0
    metrics: str = ""
    others: int = 0
    served: Setting | None = field(default=None)
    lengths: tuple[int, ...] = ()
    rows: SampleRows | None = None

    @property
    def variant(self) -> str:
        """What the configuration calls it, else the model's name."""
        parameters = self.config.get("parameters", {})
        return str(parameters.get("variant", {}).get("string_value") or self.model)

    @property
    def on_gpu(self) -> bool:
        """Whether instances share a GPU, and not the cores."""
        groups = self.config.get("instance_group", ())
        return any(group.get("kind") == "KIND_GPU" for group in groups)

    @property
    def processes(self) -> int:
        """Of the instances that serve now, where they have one each."""
        instances = (self.served or self.current()).option.instances
        return processes_of(instances, gpu=self.on_gpu)

    @property
    def can_change_threads(self) -> bool:
        """Whether the backend is known to have such a parameter."""
        known = self.config.get("backend") in _BACKENDS_WITH_THREADS
        return known or THREADS in self.config.get("parameters", {})

    def current(self) -> Setting:
        """What serves as it was found."""
        groups = self.config.get("instance_group", [{}])
        batching = self.config.get("dynamic_batching", {})
        threads = self.config.get("parameters", {}).get(THREADS, {}).get("string_value", "1")
        option = Option(
            variant=self.variant,
            instances=sum(int(group.get("count", 1)) for group in groups),
            threads=max(1, int(threads or 1)),
        )
        return Setting(
            option=option,
            max_batch_size=max(1, int(self.config.get("max_batch_size", 0))),
            queue_delay_microseconds=int(batching.get("max_queue_delay_microseconds", 0)),
        )

    def serve(self, setting: Setting, deadline: Deadline) -> None:
        """See ``bench.Server``."""
        if setting == self.served:
            return
        self.served = None
        left = deadline.remaining(time.monotonic())
        self._load(self.override(setting), min(_LOAD_SECONDS, left + 1.0))
        self.served = setting

    def padding(self, setting: Setting, deadline: Deadline) -> Padding:
        """See ``bench.Server``. The configuration says it: whether it is right is its author's."""
        self.serve(setting, deadline)
        if self.rows is not None:
            check_lengths(self._ask, self.rows, self.lengths, LENGTHS_OPTION)
        if PAD_REQUESTS in self.config.get("parameters", {}):
            return Padding(allowed=True, why="the model's configuration says so", fixed=True)
        why = "the model's configuration pads nothing: only requests of equal length are one batch"
        return Padding(allowed=False, why=why)

    def keep_apart(self, variant: str) -> None:
        """See ``bench.Server``. Not here: the configuration says it."""

    def _ask(self, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        given = []
        for name, array in inputs.items():
            given.append(InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype)))
            given[-1].set_data_from_numpy(array)
        try:
            self.client.infer(self.model, given, client_timeout=_ANSWER_SECONDS)
        except InferenceServerException as error:
            self.check_alive()
            raise RefusedError(error.message()) from error
        return {}

    def restore(self) -> None:
        """As it was found."""
        self._load(self.config, _LOAD_SECONDS)

    def apply(self, setting: Setting, timeout_microseconds: int) -> None:
        """Leave ``setting`` loaded, with a queue policy that refuses what would come too late."""
        config = self.override(setting)
        if timeout_microseconds:
            config.setdefault("dynamic_batching", {})["default_queue_policy"] = {
                "timeout_action": "REJECT",
                "default_timeout_microseconds": timeout_microseconds,
            }
        self._load(config, _LOAD_SECONDS)

    def override(self, setting: Setting) -> dict[str, Any]:
        """The configuration as it was found, changed to ``setting``; without a queue policy.

        perf_analyzer gives up at the first refused request.
        """
        config: dict[str, Any] = copy.deepcopy(dict(self.config))
        config["max_batch_size"] = setting.max_batch_size
        groups = config.get("instance_group") or [{}]
        kept = {key: value for key, value in groups[0].items() if key != "name"}
        config["instance_group"] = [{**kept, "count": setting.option.instances}]
        batching = {
            key: value
            for key, value in config.get("dynamic_batching", {}).items()
            if key not in {"default_queue_policy", "priority_queue_policy", "preferred_batch_size"}
        }
        batching["max_queue_delay_microseconds"] = setting.queue_delay_microseconds
        config["dynamic_batching"] = batching
        for warmup in config.get("model_warmup", ()):
            full = int(warmup.get("batch_size", 0)) >= int(self.config.get("max_batch_size", 0))
            size = int(warmup.get("batch_size", 0))
            most = setting.max_batch_size
            warmup["batch_size"] = most if full else min(size, most)
        if self.can_change_threads:
            parameters = config.setdefault("parameters", {})
            parameters[THREADS] = {"string_value": str(setting.option.threads)}
        return config

    def check_alive(self) -> None:
        """See ``bench.Server``."""
        try:
            alive = self.client.is_server_live(client_timeout=_CALL_SECONDS)
        except InferenceServerException as error:
            raise TritonDied(f"Triton does not answer: {error}", killed=False) from error
        if not alive:
            raise TritonDied("Triton says that it is not alive", killed=False)

    def counters(self) -> Counters:
        """See ``bench.Server``."""
        try:
            document = self.client.get_inference_statistics(
                self.model, as_json=True, client_timeout=_CALL_SECONDS
            )
        except InferenceServerException as error:
            raise OSError(f"Triton does not answer: {error}") from error
        return parse_counters(document, time.monotonic())

    def memory(self) -> MemoryUse | None:
        """See ``bench.Server``."""
        if not self.pid:
            return None
        alone = wait_for_leaving(self.pid, self.others + self.processes)
        use = family_use(self.pid)
        if use is None or not self.metrics or not alone:
            return use
        used, total = read_gpu_memory(self.metrics)
        return replace(use, gpu=used, gpu_total=total)

    def _load(self, config: Mapping[str, Any], timeout: float) -> None:
        try:
            self.client.load_model(
                self.model,
                headers=headers(self.admin_key),
                config=json.dumps(config),
                client_timeout=timeout,
            )
        except InferenceServerException as error:
            self.check_alive()
            status = str(error.status() or "")
            if "DEADLINE" in status:
                raise TooLate(
                    f"a changed configuration was not loaded after {timeout:.0f} s"
                ) from (error)
            raise UserError(MODEL_NOT_SERVABLE, f"Triton refuses: {error.message()}") from error


def headers(admin_key: str) -> dict[str, str] | None:
    """What opens the restricted APIs."""
    return {f"{GRPC_HEADER_PREFIX}{ADMIN_HEADER}": admin_key} if admin_key else None


def connect(
    url: str, model: str, *, admin_key: str = "", pid: int = 0, metrics: str = ""
) -> RunningServer:
    """The model at the gRPC address ``url``.

    Raises:
        UserError: no Triton answers there, or it has no such model, or one without batches.
    """
    client = InferenceServerClient(url)
    try:
        if not client.is_server_live(client_timeout=_CALL_SECONDS):
            raise UserError(MODEL_NOT_SERVABLE, f"the Triton at {url} says that it is not alive")
        answer = client.get_model_config(model, as_json=True, client_timeout=_CALL_SECONDS)
    except InferenceServerException as error:
        words = f"{url} (gRPC), model {model}: {error.message()}"
        raise UserError(MODEL_NOT_SERVABLE, words) from error
    config = answer["config"]
    if not int(config.get("max_batch_size", 0)):
        raise UserError(
            MODEL_NOT_SERVABLE,
            f"model {model} has max_batch_size 0: its tensors have no batch dimension, so there is"
            " no batching to tune; give it one and set max_batch_size to at least 1",
        )
    found = RunningServer(
        client=client, model=model, config=config, admin_key=admin_key, pid=pid, metrics=metrics
    )
    if pid:
        found.others = max(0, instances_of(pid) - found.processes)
    return found
