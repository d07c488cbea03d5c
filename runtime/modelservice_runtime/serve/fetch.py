"""The init container: brings the artifact, every byte checked, or says why it cannot.

    python -m modelservice_runtime.serve.fetch --uri U --digest sha256:… --target DIR

Exit code: contract ``exit_codes``. What is there already and right is kept.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.store.errors import ArtifactDamaged, NotInStore, StoreError
from modelservice_runtime.store.fetching import fetch_artifact

from .termination import add_message_file, say_why

_log = logging.getLogger("modelservice_runtime.serve.fetch")
_DIGEST_PREFIX = "sha256:"


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch; the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    message, code = fetch(options.uri, options.digest, options.target)
    if code == exit_codes.OK:
        _log.info("%s", message)
    else:
        say_why(message, options.message_file)
    return code


def fetch(uri: str, digest: str, target: Path) -> tuple[str, int]:
    """What happened, in words, and the exit code."""
    if not digest.startswith(_DIGEST_PREFIX):
        return f"--digest: expected sha256:<hex>, got {digest!r}", exit_codes.USER_ERROR
    try:
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m modelservice_runtime.serve.fetch", description=__doc__
    )
    parser.add_argument("--uri", required=True, help="the artifact's folder in the store")
    parser.add_argument("--digest", required=True, help="sha256:<hex> that it must have")
    parser.add_argument("--target", required=True, type=Path, help="folder to fill")
    add_message_file(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
