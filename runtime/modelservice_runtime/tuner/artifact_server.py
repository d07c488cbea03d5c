"""The Triton that the tuner started, asked in terms of settings."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from modelservice_runtime.contract.model_config import PYTHON_BACKEND, ModelConfig
from modelservice_runtime.serve import inference_request
from modelservice_runtime.serve.answers import Allowed
from modelservice_runtime.serve.inference_request import AnswerUnreadableError

from . import gpu, statistics
from .deadline import Deadline
from .errors import TooLate
from .memory_use import MemoryUse, family_use, wait_for_leaving
from .padding import Ask, Padding, RefusedError, check_lengths, padding_of
from .ports import LOOPBACK
from .request_lengths import SampleRows, open_axes
from .server import Triton
from .settings import Setting
from .statistics import Counters

#: Where the user said the lengths.
LENGTHS_FIELD = "spec.serving.traffic.lengths"
#: What Triton says of a GPU's memory is then from after the last instance left.
LOOK_SECONDS = 2.5 * gpu.INTERVAL_MS / 1000
_ANSWER_SECONDS = 60.0
_OK = 200
_FEW_BYTES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLengths:
    """``lengths`` of the traffic, sample rows to ask with; ``allowed``: by variant, of answers."""

    lengths: tuple[int, ...]
    rows: SampleRows
    allowed: Mapping[str, Allowed]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactServer:
    """``config``: of a setting, for Triton. ``model``: its name there. ``gpu``: it runs on one.

    ``lengths``: of the traffic's requests, where it says some. ``padded``: variants whose requests
    are padded. ``_served``: the setting that serves, if one does.
    """

    triton: Triton
    model: str
    config: Callable[[Setting], ModelConfig]
    gpu: bool = False
    lengths: AskedLengths | None = None
    padded: set[str] = field(default_factory=set)
    _served: list[Setting] = field(init=False, default_factory=list)

    def serve(self, setting: Setting, deadline: Deadline) -> None:
        """See ``bench.Server``."""
        variant = setting.option.variant
        config = replace(self.config(setting), padded=variant in self.padded)
        self.triton.serve(config, deadline)
        self._served[:] = [setting]

    def padding(self, setting: Setting, deadline: Deadline) -> Padding:
        """See ``bench.Server``."""
        self.serve(setting, deadline)
        asked, config = self.lengths, self.config(setting)
        if asked is None:
            return Padding(allowed=False, why="the traffic says no lengths")
        ask = self._asking([tensor.name for tensor in config.interface.outputs], deadline)
        check_lengths(ask, asked.rows, asked.lengths, LENGTHS_FIELD)
        if config.backend != PYTHON_BACKEND:
            why = f"Triton's backend {config.backend} pads nothing"
            return Padding(allowed=False, why=f"{why}: only requests of equal length are one batch")
        outputs = open_axes(config.interface.outputs)
        allowed = asked.allowed[setting.option.variant]
        found = padding_of(ask, asked.rows, asked.lengths, outputs, allowed)
        if found.allowed:
            self.padded.add(setting.option.variant)
        return found

    def keep_apart(self, variant: str) -> None:
        """See ``bench.Server``."""
        self.padded.discard(variant)

    def _asking(self, outputs: Sequence[str], deadline: Deadline) -> Ask:
        place = Endpoint(port=self.triton.ports.http, model=self.model, outputs=tuple(outputs))

        def ask(inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
            left = deadline.remaining(time.monotonic())
            try:
                return asked_over_http(place, inputs, min(_ANSWER_SECONDS, left + 1.0))
            except (OSError, http.client.HTTPException, AnswerUnreadableError) as error:
                self.check_alive()
                if deadline.remaining(time.monotonic()) == 0.0:
                    words = "time was up before the model had answered requests of all lengths"
                    raise TooLate(words) from error
                raise RefusedError(f"no answer: {error!r}") from error

        return ask

    def check_alive(self) -> None:
        """See ``bench.Server``."""
        self.triton.check_alive()

    def counters(self) -> Counters:
        """See ``bench.Server``."""
        return statistics.read(f"{LOOPBACK}:{self.triton.ports.http}", self.model)

    def memory(self) -> MemoryUse | None:
        """See ``bench.Server``."""
        pid = self.triton.pid
        if pid is None:
            return None
        served = [gpu.processes_of(one.option.instances, gpu=self.gpu) for one in self._served]
        alone = all(wait_for_leaving(pid, processes) for processes in served)
        use = family_use(pid, self.triton.shared_bytes)
        if use is None or not self.gpu or not alone:
            return use
        time.sleep(LOOK_SECONDS)
        used, total = statistics.read_gpu_memory(f"{LOOPBACK}:{self.triton.ports.metrics}")
        return replace(use, gpu=used, gpu_total=total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The HTTP ``port`` of a Triton on this machine, its ``model`` and that one's outputs."""

    port: int
    model: str
    outputs: tuple[str, ...]


def asked_over_http(
    place: Endpoint, inputs: Mapping[str, np.ndarray], timeout: float
) -> Mapping[str, np.ndarray]:
    """The model's answer, within ``timeout`` seconds.

    Raises:
        RefusedError: it refuses.
        OSError, http.client.HTTPException, AnswerUnreadableError: it gives no answer.
    """
    body, length = inference_request.encode(inputs, place.outputs)
    header = inference_request.LENGTH_HEADER
    headers = {header: str(length), "Content-Type": "application/octet-stream"}
    connection = http.client.HTTPConnection(LOOPBACK, place.port, timeout=timeout)
    try:
        connection.request("POST", f"/v2/models/{place.model}/infer", body, headers)
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    if answer.status != _OK:
        raise RefusedError(data[:_FEW_BYTES].decode(errors="replace"))
    return inference_request.decode(data, int(answer.headers.get(header, len(data))))
