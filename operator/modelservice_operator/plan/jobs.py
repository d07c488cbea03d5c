"""One Job after another until there is a result: start, wait, try again, or accept the end.

===================================  ================================================
what the newest attempt shows         what follows
===================================  ================================================
no attempt yet                        Start(1)
it runs                               Running
ended with a readable result          Finished (exit 0, 10, 11, 12)
killed at its memory limit            Finished: OutOfMemory
stopped at its time limit             Finished: DeadlineExceeded
the store did not answer (20)         Paused, then Start(n + 1), for as long as it takes
anything else, result lost            Paused, then Start(n + 1), up to ``attempts``
===================================  ================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from modelservice_operator.api import names
from modelservice_operator.settings import JobSettings
from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.codec import ContractError, dumps, loads
from modelservice_runtime.contract.results import FAILED as RESULT_FAILED
from modelservice_runtime.contract.results import BuildResult, TuneResult

from .observed import RUNNING, JobSeen

JobResult: TypeAlias = BuildResult | TuneResult

#: An unreachable store is tried again at least this often.
MAX_BACKOFF_SECONDS = 600

_WORDS = {names.BUILD: "build", names.TUNE: "tuning"}
_MEMORY_FIELD = {
    names.BUILD: "spec.optimization.resources.limits.memory",
    names.TUNE: "spec.serving.resources.limits.memory",
}
_TIME_FIELD = {
    names.BUILD: "spec.optimization.maxDurationSeconds",
    names.TUNE: "spec.serving.maxTuningDurationSeconds",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Create this attempt."""

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An attempt is at work."""

    job: JobSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """The last attempt failed for a reason that may pass; the next one starts at ``until``."""

    job: JobSeen
    until: datetime
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """There is a result to keep."""

    job: JobSeen
    result: JobResult


Step: TypeAlias = Start | Running | Paused | Finished


def parse_result(kind: str, text: str) -> JobResult:
    """The result that a Job left, or that was kept in a ConfigMap.

    Raises:
        ContractError: the text is not a result.
    """
    return loads(BuildResult, text) if kind == names.BUILD else loads(TuneResult, text)


def result_text(result: JobResult) -> str:
    """The text to keep."""
    return dumps(result)


def next_step(
    jobs: Iterable[JobSeen], *, kind: str, key: str, settings: JobSettings, now: datetime
) -> Step:
    """What to do about ``kind`` for ``key``; the table is in the module's docstring."""
    own = [job for job in jobs if job.kind == kind and job.key == key and not job.deleting]
    if not own:
        return Start(attempt=1)
    job = max(own, key=lambda seen: seen.attempt)
    if job.state == RUNNING:
        return Running(job=job)
    end = _end(job)
    if isinstance(end, Finished):
        return end
    endless = job.pod is not None and job.pod.exit_code == exit_codes.INFRASTRUCTURE
    if not endless and job.attempt >= settings.attempts:
        gave_up = f"gave up after {job.attempt} attempts; set {names.REBUILD} to try again"
        return Finished(job=job, result=_failed(job, end.reason, f"{end.message} ({gave_up})"))
    pause = min(settings.backoff_seconds * 2 ** (job.attempt - 1), MAX_BACKOFF_SECONDS)
    until = (job.ended_at or now) + timedelta(seconds=pause)
    if now >= until:
        return Start(attempt=job.attempt + 1)
    return Paused(job=job, until=until, reason=end.reason, message=end.message)


def _end(job: JobSeen) -> Finished | _Retry:
    word = _WORDS[job.kind]
    if job.pod is not None and job.pod.exit_code == exit_codes.KILLED:
        limit = _MEMORY_FIELD[job.kind]
        return Finished(
            job=job,
            result=_failed(
                job, "OutOfMemory", f"The {word} was killed at its memory limit; raise {limit}"
            ),
        )
    if job.reason == "DeadlineExceeded":
        limit = _TIME_FIELD[job.kind]
        return Finished(
            job=job,
            result=_failed(
                job, "DeadlineExceeded", f"The {word} took longer than {limit} allows; raise it"
            ),
        )
    result = _left_result(job)
    if result is None:
        return _lost(job)
    if job.pod is not None and job.pod.exit_code == exit_codes.INFRASTRUCTURE:
        return _Retry(reason=result.reason, message=result.message)
    return Finished(job=job, result=result)


def _left_result(job: JobSeen) -> JobResult | None:
    if job.pod is None or not job.pod.exit_message:
        return None
    try:
        result = parse_result(job.kind, job.pod.exit_message)
    except ContractError:
        return None
    return result if result.key == job.key else None


def _lost(job: JobSeen) -> _Retry:
    word = _WORDS[job.kind]
    if job.pod is None:
        return _Retry(
            reason="ResultLost", message=f"The {word}'s pod went before its result was read"
        )
    code, said = job.pod.exit_code, job.pod.exit_message.strip()[-300:]
    tail = f": {said}" if said else ""
    return _Retry(reason="JobCrashed", message=f"The {word} ended with exit code {code}{tail}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Retry:
    reason: str
    message: str


def _failed(job: JobSeen, reason: str, message: str) -> JobResult:
    kind = BuildResult if job.kind == names.BUILD else TuneResult
    return kind(
        key=job.key, attempt=job.attempt, outcome=RESULT_FAILED, reason=reason, message=message
    )
