"""Why a tuning ends without a profile. The words go to the user unchanged.

TuneError                           exit code
├── UserError                       10  the artifact or the limits are at fault
│   ArtifactDamaged                     the artifact is not what its manifest says, or is gone
│   SampleInputsInvalid                 the artifact's samples do not fit its interface
│   NoUsableVariant                     the runtime or its CPU cannot serve any of the variants
│   TraceInvalid                        the traffic's recorded trace is none
│   ModelNotServable                    Triton refuses to load it, or to answer its samples
│   OutOfMemory                         Triton was killed, at the memory limit most likely
├── OutOfTime                       12
│   DeadlineExceeded                    the time limit passed before anything was measured
├── Infrastructure                  20  a retry may help
│   StoreUnavailable, ScratchUnusable
│   TritonCrashed                       Triton ended by itself
│   LoadGeneratorMissing                perf_analyzer is not in the image, or does not start
│   MeasurementFailed                   perf_analyzer gives no figures
└── Interrupted                    143  the pod was told to go
                                     1  RequestInvalid, InternalError (a fault of ours)

``TritonDied``, ``LoadFailed`` and ``TooLate`` are caught inside: one setting is given up, not the
tuning.
Reasons are CamelCase and stable. ``Measured`` is the reason of a success, ``ObjectiveMissed``
that of one where even batch 1 is slower than the goal.
"""

from __future__ import annotations

from modelservice_runtime.contract import exit_codes

MEASURED = "Measured"
OBJECTIVE_MISSED = "ObjectiveMissed"
ARTIFACT_DAMAGED = "ArtifactDamaged"
SAMPLE_INPUTS_INVALID = "SampleInputsInvalid"
NO_USABLE_VARIANT = "NoUsableVariant"
TRACE_INVALID = "TraceInvalid"
MODEL_NOT_SERVABLE = "ModelNotServable"
OUT_OF_MEMORY = "OutOfMemory"
DEADLINE_EXCEEDED = "DeadlineExceeded"
STORE_UNAVAILABLE = "StoreUnavailable"
SCRATCH_UNUSABLE = "ScratchUnusable"
TRITON_CRASHED = "TritonCrashed"
LOAD_GENERATOR_MISSING = "LoadGeneratorMissing"
MEASUREMENT_FAILED = "MeasurementFailed"
INTERRUPTED = "Interrupted"
REQUEST_INVALID = "RequestInvalid"
INTERNAL_ERROR = "InternalError"

#: 128 + SIGTERM, as a shell would say it.
TERMINATED = 143
CRASHED = 1


class TuneError(Exception):
    """Base of all. ``reason`` is one of this module's words, ``exit_code`` the Job's."""

    exit_code = CRASHED

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class UserError(TuneError):
    """What the user gave is at fault; a retry cannot help."""

    exit_code = exit_codes.USER_ERROR


class OutOfTime(TuneError):  # noqa: N818 - said of the tuning, not of an error
    """The time limit passed."""

    exit_code = exit_codes.DEADLINE


class TooLate(OutOfTime):
    """The time for one measurement passed before it began."""

    def __init__(self, message: str) -> None:
        super().__init__(DEADLINE_EXCEEDED, message)


class Infrastructure(TuneError):  # noqa: N818 - names whose fault it is
    """The store, the pod or a program is at fault; a retry may help."""

    exit_code = exit_codes.INFRASTRUCTURE


class Interrupted(TuneError):  # noqa: N818 - said of the tuning
    """SIGTERM came; the work was dropped."""

    exit_code = TERMINATED


class TritonDied(Infrastructure):
    """The Triton under test is gone. ``killed``: by SIGKILL, so by the memory limit."""

    def __init__(self, message: str, *, killed: bool) -> None:
        super().__init__(OUT_OF_MEMORY if killed else TRITON_CRASHED, message)
        self.killed = killed


class LoadFailed(Infrastructure):
    """perf_analyzer ended without figures although Triton lives."""

    def __init__(self, message: str) -> None:
        super().__init__(MEASUREMENT_FAILED, message)
