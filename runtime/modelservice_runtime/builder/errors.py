"""Why a build ends without an artifact. The words go to the user unchanged.

BuildError                          exit code
├── UserError                       10  the source, its code or its model is at fault
│   SourceNotFound                      nothing (usable) lies at the source's address
│   SourceUnsafe                        an archive or link reaches outside the source
│   SourceDigestMismatch                the bytes are not the pinned ones
│   PickleNotPinned                     it would be unpickled, and no digest pins its bytes
│   RequirementsNotInstallable          requirements.txt cannot be installed
│   EntrypointNotFound                  no such module or function
│   EntrypointFailed                    it raised, or ended the process
│   EntrypointOutOfMemory               it needed more memory than the Job has
│   EntrypointNotAModule                it returned something else than the contract says
│   ExampleInputsInvalid                the inputs do not fit the contract or the module
│   ModelInvalid                        the model itself cannot be served (types, batch, ONNX)
│   ExportFailed                        torch.export or the ONNX exporter refused it
│   EvaluationDataInvalid               evaluation data or metric do not fit the model
├── Rejected                        11  built, but not equal enough
│   ParityRejected
├── OutOfTime                       12
│   EntrypointTimedOut                  the user's function did not return
│   DeadlineExceeded                    spec.optimization.maxDurationSeconds passed
├── Infrastructure                  20  a retry may help
│   StoreUnavailable, StoreReadOnly, StoreFull, StoreConflict, ArtifactDamaged,
│   ScratchUnusable
└── Interrupted                    143  the pod was told to go
                                     1  RequestInvalid, InternalError (a fault of ours)

Reasons are CamelCase and stable. ``Published`` is the reason of a success.
"""

from __future__ import annotations

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.store import errors as store_errors

PUBLISHED = "Published"
SOURCE_NOT_FOUND = "SourceNotFound"
SOURCE_UNSAFE = "SourceUnsafe"
SOURCE_DIGEST_MISMATCH = "SourceDigestMismatch"
REQUIREMENTS_NOT_INSTALLABLE = "RequirementsNotInstallable"
ENTRYPOINT_NOT_FOUND = "EntrypointNotFound"
ENTRYPOINT_FAILED = "EntrypointFailed"
ENTRYPOINT_OUT_OF_MEMORY = "EntrypointOutOfMemory"
ENTRYPOINT_NOT_A_MODULE = "EntrypointNotAModule"
ENTRYPOINT_TIMED_OUT = "EntrypointTimedOut"
EXAMPLE_INPUTS_INVALID = "ExampleInputsInvalid"
MODEL_INVALID = "ModelInvalid"
EXPORT_FAILED = "ExportFailed"
PARITY_REJECTED = "ParityRejected"
DEADLINE_EXCEEDED = "DeadlineExceeded"
STORE_UNAVAILABLE = "StoreUnavailable"
STORE_READ_ONLY = "StoreReadOnly"
STORE_FULL = "StoreFull"
STORE_CONFLICT = "StoreConflict"
SCRATCH_UNUSABLE = "ScratchUnusable"
ARTIFACT_DAMAGED = "ArtifactDamaged"
INTERRUPTED = "Interrupted"
REQUEST_INVALID = "RequestInvalid"
INTERNAL_ERROR = "InternalError"

#: 128 + SIGTERM, as a shell would say it.
TERMINATED = 143
CRASHED = 1


class BuildError(Exception):
    """Base of all. ``reason`` is one of this module's words, ``exit_code`` the Job's."""

    exit_code = CRASHED

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class UserError(BuildError):
    """What the user gave is at fault; a retry cannot help."""

    exit_code = exit_codes.USER_ERROR


class Rejected(BuildError):  # noqa: N818 - the contract's word for this outcome
    """The artifact was built and is not good enough."""

    exit_code = exit_codes.REJECTED


class OutOfTime(BuildError):  # noqa: N818 - said of the build, not of an error
    """A time limit passed."""

    exit_code = exit_codes.DEADLINE


class Infrastructure(BuildError):  # noqa: N818 - names whose fault it is
    """The store or the pod is at fault; a retry may help."""

    exit_code = exit_codes.INFRASTRUCTURE


class Interrupted(BuildError):  # noqa: N818 - said of the build
    """SIGTERM came; the work was dropped, nothing was published."""

    exit_code = TERMINATED


_STORE_REASONS: dict[type[store_errors.StoreError], str] = {
    store_errors.StoreUnavailable: STORE_UNAVAILABLE,
    store_errors.StoreReadOnly: STORE_READ_ONLY,
    store_errors.StoreFull: STORE_FULL,
    store_errors.ArtifactDamaged: ARTIFACT_DAMAGED,
    store_errors.NotInStore: ARTIFACT_DAMAGED,
}


def from_store(error: store_errors.StoreError) -> Infrastructure:
    """The store's error as the build's, same words."""
    return Infrastructure(_STORE_REASONS.get(type(error), STORE_UNAVAILABLE), str(error))
