"""Each engine made by its recipe and started in a process of its own; in the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelservice_runtime.builder.engines import ModelProcess, start_candidate
from modelservice_runtime.builder.errors import MODEL_INVALID, UserError
from modelservice_runtime.builder.recipes import FP32
from modelservice_runtime.builder.techniques import known_steps
from modelservice_runtime.builder.techniques.base import Work
from modelservice_runtime.builder.techniques.maker import make
from modelservice_runtime.builder.worker import Worker
from modelservice_runtime.contract.manifest import Variant
from modelservice_runtime.contract.requests import AOTI, ONNXRUNTIME

from . import peers
from .setting import Setting

_MODULES = "optimizer_figures.speed"
_MAKING_SECONDS = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """An engine that rests until it is asked. ``words``: see ``findings.Verdict``."""

    name: str
    model: ModelProcess
    exact: bool
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """``processes``: keeps them alive; ``extra``: where torchao is; ``picked``: by the tuning."""

    setting: Setting
    processes: ExitStack
    extra: Path
    picked: str = ""

    def start(self, name: str) -> Started:
        """Make and open the engine ``name``.

        Raises:
            BuildError, CannotProduceError: it cannot be had for this model, in words.
        """
        if name in {peers.SHIPPED, peers.PICKED}:
            return self._variant(name)
        start: Mapping[str, Callable[[], tuple[ModelProcess, str]]] = {
            peers.EAGER: lambda: (self.setting.ground.baseline.source, ""),
            peers.COMPILE: lambda: (self._in_torch(peers.COMPILE), ""),
            peers.TORCHAO: lambda: (self._in_torch(peers.TORCHAO), ""),
            peers.AOT_INDUCTOR: lambda: (self._compiled(), ""),
            peers.ORT: lambda: (self._opened(name, ONNXRUNTIME, self.setting.export), ""),
            peers.ORT_INT8: lambda: (self._int8_of_onnxruntime(), ""),
            peers.OPENVINO: lambda: (self._bare(name, self.setting.export, FP32)[0], ""),
            peers.OPENVINO_BARE: lambda: self._bare(name, self.setting.export),
            peers.NNCF_INT8: self._int8_of_nncf,
        }
        (peer,) = (peer for peer in peers.PEERS if peer.name == name)
        model, words = start[name]()
        return Started(name=name, model=model, exact=peer.exact, words=words)

    def _variant(self, name: str) -> Started:
        variant = self._named(self.picked) if name == peers.PICKED else self.setting.variants[0]
        path = self.setting.artifact / variant.folder / variant.model_file
        model = self._opened(name, variant.engine, path, variant.precision)
        # What is pruned is no equal of the source model, and its metric decides then.
        exact = variant.precision == FP32
        return Started(name=name, model=model, exact=exact, words=variant.name)

    def _named(self, name: str) -> Variant:
        for variant in self.setting.variants:
            if variant.name == name:
                return variant
        names = ", ".join(variant.name for variant in self.setting.variants)
        raise UserError(MODEL_INVALID, f"the artifact has no variant {name!r}; it has {names}")

    def _opened(self, name: str, engine: str, path: Path, precision: str = FP32) -> ModelProcess:
        build = self.setting.build
        worker = start_candidate(
            name,
            engine,
            environment=build.environment,
            cwd=build.scratch.work,
            limits=build.limits,
        )
        model = self._model(self.processes.enter_context(worker))
        model.open(path, precision)
        return model

    def _in_torch(self, recipe: str) -> ModelProcess:
        setting = self.setting
        worker = self._worker(recipe, "torch_peer")
        model, access = self._model(worker), setting.ground.access
        samples = setting.build.scratch.work / f"{recipe}.safetensors"
        model.load(access.folder, access.request, list(access.module_path), samples)
        self._ask(worker, "transform", recipe=recipe)
        return model

    def _compiled(self) -> ModelProcess:
        setting, step = self.setting, known_steps.aot_inductor()
        build = setting.build
        work = Work(
            parent=setting.export,
            target=self._folder(peers.AOT_INDUCTOR),
            parameters=step.parameters,
            source=setting.ground.access,
            max_batch_size=build.request.max_batch_size,
            seconds=_MAKING_SECONDS,
        )
        made = make(
            step,
            work,
            environment=build.environment,
            cwd=build.scratch.work,
            limits=build.limits,
            timeout=_MAKING_SECONDS,
        )
        return self._opened(peers.AOT_INDUCTOR, AOTI, work.target / made.model_file)

    def _int8_of_onnxruntime(self) -> ModelProcess:
        target = self._folder(peers.ORT_INT8) / "model.onnx"
        self._make(peers.ORT_INT8, "onnxruntime", target)
        return self._opened(peers.ORT_INT8, ONNXRUNTIME, target)

    def _int8_of_nncf(self) -> tuple[ModelProcess, str]:
        if self.setting.calibration is None:
            raise UserError(MODEL_INVALID, "there are no rows to calibrate with")
        target = self._folder(peers.NNCF_INT8) / "model.xml"
        self._make(peers.NNCF_INT8, "nncf", target, calibration=str(self.setting.calibration))
        return self._bare(peers.NNCF_INT8, target)

    def _make(self, name: str, command: str, target: Path, **arguments: str) -> None:
        with self._started(name, "stock_maker") as worker:
            parent = str(self.setting.export)
            self._ask(worker, command, parent=parent, target=str(target), **arguments)

    def _bare(self, name: str, path: Path, precision: str = "") -> tuple[ModelProcess, str]:
        """The process, and what OpenVINO computes in what is not quantized."""
        worker = self._worker(name, "bare_openvino")
        reply = self._ask(worker, "open", model=str(path), precision=precision)
        return self._model(worker), str(reply["precision"])

    def _worker(self, name: str, module: str) -> Worker:
        return self.processes.enter_context(self._started(name, module))

    def _started(self, name: str, module: str) -> Worker:
        build = self.setting.build
        folders = (build.environment.get("PYTHONPATH", ""), str(self.extra))
        environment = {**build.environment, "PYTHONPATH": os.pathsep.join(folders)}
        return Worker(
            name,
            f"{_MODULES}.{module}",
            environment=environment,
            cwd=build.scratch.work,
            limits=build.limits,
        )

    def _model(self, worker: Worker) -> ModelProcess:
        return ModelProcess(worker, self.setting.build.deadline, self.setting.build.clock)

    def _ask(self, worker: Worker, command: str, **arguments: Any) -> Any:  # noqa: ANN401 - JSON
        return worker.ask(command, timeout=_MAKING_SECONDS, doing="making it", **arguments)

    def _folder(self, name: str) -> Path:
        folder = self.setting.build.scratch.candidates / f"stock-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder
