"""From a request to a bench: fetches the artifact, starts Triton on its cores, tunes, stops it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modelservice_runtime.contract.manifest import Manifest
from modelservice_runtime.contract.model_config import ModelConfig, backend_for, warmup_sizes
from modelservice_runtime.contract.requests import TuneRequest
from modelservice_runtime.cpu import read_cpu_class
from modelservice_runtime.serve.layout import LayoutError
from modelservice_runtime.serve.samples import Samples, SamplesUnreadable, read_samples
from modelservice_runtime.store.errors import ArtifactDamaged, NotInStore, StoreError
from modelservice_runtime.store.fetching import fetch_artifact

from . import errors
from .bench import Bench
from .choice import Setting
from .cores import quiet_cores
from .deadline import Deadline
from .gpu import has_gpu
from .interrupts import Interrupts
from .load_runs import LoadGenerator, write_input_data
from .ports import LOOPBACK
from .progress import say
from .results import Measured
from .server import Place, Triton
from .tuning import Tuning
from .usable import usable


def tune(
    request: TuneRequest,
    scratch: Path,
    environment: Mapping[str, str],
    deadline: Deadline,
    interrupts: Interrupts,
) -> Measured:
    """Fetch, measure and choose.

    Raises:
        TuneError: in words for the user.
        OSError: ``scratch`` cannot be used.
    """
    say("fetching", 0.01, f"artifact {request.artifact_digest[:19]}")
    artifact = scratch / "artifact"
    manifest, samples = _fetch(request, artifact)
    here = usable(manifest.variants, request.backend, read_cpu_class())
    input_data = scratch / "input.json"
    write_input_data(samples, input_data)
    cores = quiet_cores(request.cpu)
    place = Place(
        name=request.name,
        artifact=artifact,
        scratch=scratch,
        cores=cores.server,
        environment=environment,
    )
    with Triton(place, deadline, interrupts) as triton:
        load = LoadGenerator(
            model=request.name,
            address=f"{LOOPBACK}:{triton.ports.grpc}",
            input_data=input_data,
            scratch=scratch,
            cores=cores,
            interrupts=interrupts,
        )
        bench = Bench(
            triton=triton,
            load=load,
            config=lambda setting: _config(request, manifest, setting),
            deadline=deadline,
            notes=list(here.notes),
        )
        return _tuned(request, bench, tuple(variant.name for variant in here.variants), deadline)


def _tuned(
    request: TuneRequest, bench: Bench, variants: tuple[str, ...], deadline: Deadline
) -> Measured:
    tuning = Tuning(
        bench=bench,
        variants=variants,
        objective=request.objective,
        max_batch_size=request.max_batch_size,
        cpu=request.cpu,
        deadline=deadline,
    )
    try:
        return tuning.run()
    except LayoutError as error:
        raise errors.UserError(errors.ARTIFACT_DAMAGED, str(error)) from error


def _fetch(request: TuneRequest, artifact: Path) -> tuple[Manifest, Samples]:
    try:
        manifest = fetch_artifact(request.artifact_uri, request.artifact_digest, artifact)
        return manifest, read_samples(artifact)
    except (ArtifactDamaged, NotInStore) as error:
        raise errors.UserError(errors.ARTIFACT_DAMAGED, str(error)) from error
    except StoreError as error:
        raise errors.Infrastructure(errors.STORE_UNAVAILABLE, str(error)) from error
    except SamplesUnreadable as error:
        raise errors.UserError(errors.SAMPLE_INPUTS_INVALID, str(error)) from error


def _config(request: TuneRequest, manifest: Manifest, setting: Setting) -> ModelConfig:
    variant = next(item for item in manifest.variants if item.name == setting.variant)
    return ModelConfig(
        name=request.name,
        backend=backend_for(request.backend, variant.engine),
        variant=variant.name,
        engine=variant.engine,
        precision=variant.precision,
        model_file=variant.model_file,
        max_batch_size=setting.max_batch_size,
        interface=manifest.interface,
        instances=setting.instances,
        threads=setting.threads,
        warmup_batch_sizes=warmup_sizes(setting.max_batch_size),
        warmup_inputs=manifest.sample_inputs,
        gpu=has_gpu(),
    )
