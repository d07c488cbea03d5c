"""The init container: brings the artifact, every byte checked, or says why it cannot.

    python -m modelservice_runtime.serve.fetch --uri U --digest sha256:… --target DIR \
        [--variant NAME]

Exit code: contract ``exit_codes``. What is there already and right is kept. A variant whose
numbers depend on the CPU is refused on a CPU of another class than it was judged on.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.manifest import Manifest
from modelservice_runtime.cpu import CPU_FILE, read_cpu_class
from modelservice_runtime.store.errors import ArtifactDamaged, NotInStore, StoreError
from modelservice_runtime.store.fetching import fetch_artifact, inspect_artifact

from .cpu_fit import misfit
from .termination import add_message_file, say_why

_log = logging.getLogger("modelservice_runtime.serve.fetch")
_DIGEST_PREFIX = "sha256:"
_WAYS_OUT = (
    "; give the runtime a node selector for nodes of the first class, or have the artifact built"
    " again on a node of the second"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch; the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    here = read_cpu_class(options.cpu_file)
    message, code = fetch(options.uri, options.digest, options.target, options.variant, here)
    if code == exit_codes.OK:
        _log.info("%s", message)
    else:
        say_why(message, options.message_file)
    return code


def fetch(uri: str, digest: str, target: Path, variant: str, here: str) -> tuple[str, int]:
    """What happened, in words, and the exit code.

    ``variant``: that will be served, empty for the artifact's first; ``here``: this CPU's class.
    """
    if not digest.startswith(_DIGEST_PREFIX):
        return f"--digest: expected sha256:<hex>, got {digest!r}", exit_codes.USER_ERROR
    try:
        if reason := refusal(inspect_artifact(uri, digest), variant, here):
            return reason, exit_codes.USER_ERROR
        manifest = fetch_artifact(uri, digest, target)
    except (ArtifactDamaged, NotInStore) as error:
        # Another try reads the same bytes.
        return str(error), exit_codes.USER_ERROR
    except StoreError as error:
        return str(error), exit_codes.INFRASTRUCTURE
    except OSError as error:
        return f"{target} cannot be written: {error}", exit_codes.INFRASTRUCTURE
    size = sum(entry.size_bytes for entry in manifest.files)
    return f"{uri}: {len(manifest.files)} files, {size} bytes, {digest}", exit_codes.OK


def refusal(manifest: Manifest, variant: str, here: str) -> str:
    """Why the artifact's ``variant`` cannot be served on this node, in words; empty if it can."""
    known = {item.name: item for item in manifest.variants}
    wanted = known.get(variant) if variant else next(iter(manifest.variants), None)
    if wanted is None:
        return f"--variant: the artifact has no {variant!r}; it has {', '.join(known) or 'none'}"
    reason = misfit(wanted, here)
    return reason + _WAYS_OUT if reason else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m modelservice_runtime.serve.fetch", description=__doc__
    )
    parser.add_argument("--uri", required=True, help="the artifact's folder in the store")
    parser.add_argument("--digest", required=True, help="sha256:<hex> that it must have")
    parser.add_argument("--target", required=True, type=Path, help="folder to fill")
    parser.add_argument(
        "--variant", default="", help="that will be served (default: the artifact's first)"
    )
    parser.add_argument(
        "--cpu-file",
        type=Path,
        default=CPU_FILE,
        help="where the CPU's flags are read (default: %(default)s)",
    )
    add_message_file(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
