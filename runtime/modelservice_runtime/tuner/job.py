"""From a request to a bench: fetches the artifact, starts Triton on its cores, tunes, stops it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from modelservice_runtime.contract.manifest import Manifest
from modelservice_runtime.contract.model_config import ModelConfig, backend_for, warmup_sizes
from modelservice_runtime.contract.profile import Profile, ServedSetting
from modelservice_runtime.contract.requests import TuneRequest
from modelservice_runtime.cpu import read_cpu, read_cpu_class
from modelservice_runtime.serve.answers import allowed_for
from modelservice_runtime.serve.layout import LayoutError
from modelservice_runtime.serve.samples import Samples, SamplesUnreadable, read_samples
from modelservice_runtime.store.errors import ArtifactDamaged, NotInStore, StoreError
from modelservice_runtime.store.fetching import fetch_artifact

from . import errors, knobs, results
from .answered import Shares, answered_shares
from .artifact_server import LENGTHS_FIELD, ArtifactServer, AskedLengths
from .bench import Bench
from .cores import quiet_cores
from .deadline import Deadline
from .gpu import has_gpu, triton_flags
from .interrupts import Interrupts
from .load_runs import LoadGenerator, numbers_per_row, write_input_data
from .memory_plan import observed, plan
from .outcome import Tuned
from .ports import LOOPBACK
from .progress import say
from .question import Question
from .reporting import report_of
from .request_lengths import sample_rows, write_by_length
from .server import Place, Triton
from .settings import Limits, Option, Setting
from .storing import store_report
from .trace_reading import read_trace
from .tuning import Tuning, peak_bytes
from .usable import usable


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a Job found out, and what it answers."""

    tuned: Tuned
    profile: Profile
    answered: Shares
    knobs: tuple[knobs.Knob, ...]


def tune(
    request: TuneRequest,
    scratch: Path,
    environment: Mapping[str, str],
    deadline: Deadline,
    interrupts: Interrupts,
) -> Done:
    """Fetch, measure and choose.

    Raises:
        TuneError: in words for the user.
        OSError: ``scratch`` cannot be used.
    """
    say("fetching", 0.01, f"artifact {request.artifact_digest[:19]}")
    artifact = scratch / "artifact"
    manifest, samples = _fetch(request, artifact)
    here = usable(manifest.variants, request.backend, read_cpu_class())
    question = _question(request)
    input_data = scratch / "input.json"
    write_input_data(samples.inputs, input_data)
    asked = _asked_lengths(request, manifest, samples)
    cores = quiet_cores(request.cpu)
    place = Place(
        name=request.name,
        artifact=artifact,
        scratch=scratch,
        cores=cores.server,
        environment=environment,
        flags=triton_flags(gpu=has_gpu()),
    )
    with Triton(place, deadline, interrupts) as triton:
        load = LoadGenerator(
            model=request.name,
            address=f"{LOOPBACK}:{triton.ports.grpc}",
            input_data=input_data,
            scratch=scratch,
            cores=cores,
            interrupts=interrupts,
            numbers_per_row=numbers_per_row(_longest(samples, asked)),
            by_length=write_by_length(asked.rows, asked.lengths, scratch) if asked else {},
        )
        server = ArtifactServer(
            triton=triton,
            model=request.name,
            config=lambda setting: _config(request, manifest, setting),
            gpu=has_gpu(),
            lengths=asked,
        )
        bench = Bench(server=server, load=load, deadline=deadline, notes=list(here.notes))
        tuning = Tuning(
            bench=bench,
            variants=tuple(variant.name for variant in here.variants),
            question=question,
            deadline=deadline,
        )
        tuned = _run(tuning, request.current)
        interrupts.no_alarm()
        done = _done(request, manifest, samples, tuned, triton.load_seconds)
    return _reported(request, done, scratch)


def _run(tuning: Tuning, current: ServedSetting | None) -> Tuned:
    try:
        return tuning.run(_setting(current) if current else None)
    except LayoutError as error:
        raise errors.UserError(errors.ARTIFACT_DAMAGED, str(error)) from error


def _setting(served: ServedSetting) -> Setting:
    option = Option(variant=served.variant, instances=served.instances, threads=served.threads)
    return Setting(
        option=option,
        max_batch_size=served.max_batch_size,
        queue_delay_microseconds=served.queue_delay_microseconds,
    )


def _done(
    request: TuneRequest,
    manifest: Manifest,
    samples: Samples,
    tuned: Tuned,
    load_seconds: float,
) -> Done:
    variant = next(v for v in manifest.variants if v.name == tuned.chosen.setting.option.variant)
    place = knobs.Place(
        gpu=has_gpu(),
        backend=backend_for(request.backend, variant.engine),
        answer_bytes=sum(array[:1].nbytes for array in samples.outputs.values()),
    )
    decided = knobs.decide(tuned, place)
    every = knobs.knobs(tuned, decided, place)
    answered = answered_shares(tuned, decided)
    peak = peak_bytes(tuned)
    profile = results.profile_of(
        request,
        tuned,
        decided,
        every,
        answered=answered,
        memory=plan(
            observed(tuned.memory, tuned.chosen.setting, peak),
            peak,
            allowed_bytes=request.memory_limit_bytes,
            cache_bytes=decided.response_cache_bytes,
        ),
        peak_bytes=peak,
        load_seconds=load_seconds,
        hardware=read_cpu(),
    )
    return Done(tuned=tuned, profile=profile, answered=answered, knobs=every)


def _reported(request: TuneRequest, done: Done, scratch: Path) -> Done:
    """With the report stored, or a note why it is not."""
    if not request.report_uri:
        return done
    report = report_of(
        done.tuned,
        done.knobs,
        done.profile.memory,
        done.answered,
        title=f"Tuning of {request.namespace}/{request.name}",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        hardware=done.profile.hardware,
    )
    trouble = store_report(report, request.report_uri, scratch)
    if not trouble:
        return done
    tuned = replace(done.tuned, notes=(*done.tuned.notes, trouble))
    return replace(done, tuned=tuned, profile=replace(done.profile, report_uri=""))


def _question(request: TuneRequest) -> Question:
    return Question(
        objective=request.objective,
        traffic=request.traffic,
        limits=Limits(cpu=request.cpu, max_batch_size=request.max_batch_size, gpu=has_gpu()),
        memory_bytes=request.memory_limit_bytes,
        trace=read_trace(request.traffic.trace_uri) if request.traffic.trace_uri else None,
    )


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


def _asked_lengths(
    request: TuneRequest, manifest: Manifest, samples: Samples
) -> AskedLengths | None:
    """None where the traffic says no lengths."""
    if not request.traffic.lengths:
        return None
    return AskedLengths(
        lengths=tuple(share.length for share in request.traffic.lengths),
        rows=sample_rows(samples.inputs, manifest.interface.inputs, LENGTHS_FIELD),
        allowed={variant.name: allowed_for(variant) for variant in manifest.variants},
    )


def _longest(samples: Samples, asked: AskedLengths | None) -> Samples:
    """With inputs of the longest length that is asked for."""
    return replace(samples, inputs=asked.rows.of(max(asked.lengths))) if asked else samples


def _config(request: TuneRequest, manifest: Manifest, setting: Setting) -> ModelConfig:
    option = setting.option
    variant = next(item for item in manifest.variants if item.name == option.variant)
    return ModelConfig(
        name=request.name,
        backend=backend_for(request.backend, variant.engine),
        variant=variant.name,
        engine=variant.engine,
        precision=variant.precision,
        model_file=variant.model_file,
        max_batch_size=setting.max_batch_size,
        interface=manifest.interface,
        instances=option.instances,
        threads=option.threads,
        queue_delay_microseconds=setting.queue_delay_microseconds,
        warmup_batch_sizes=warmup_sizes(setting.max_batch_size),
        warmup_inputs=manifest.sample_inputs,
        gpu=has_gpu(),
    )
