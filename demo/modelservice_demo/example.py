"""The example that the story is about: its folder, its manifest, its client, its requests."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from modelservice_harness.access import Access
from modelservice_harness.errors import CommandFailed, HarnessError
from modelservice_harness.interpreter import base_python
from modelservice_harness.manifests.storage import CLAIM
from modelservice_harness.processes import capture

NAME = "sentence-encoder"
_TENSORS = ("input_ids", "attention_mask")
_FETCH_SECONDS = 600
_CLIENT_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """``folder``: code and weights, put together in the cache; ``data``: what it is judged by.

    ``manifest``: the YAML file.
    """

    folder: Path
    data: Path
    manifest: Path
    code: Path

    def sentences(self) -> list[str]:
        """The example sentences."""
        return list(self._document()["sentences"])

    def requests(self) -> str:
        """JSON text of one request per example sentence, as the load generator reads it."""
        document = self._document()
        rows = range(len(document["sentences"]))
        return json.dumps(
            [{"inputs": [_tensor(document, n, row) for n in _TENSORS]} for row in rows]
        )

    def ask(self, python: Path, address: str, environ: Mapping[str, str]) -> str:
        """Run the example's own client against ``address`` and return its table.

        Raises:
            CommandFailed: the client failed; the message holds what it said.
        """
        command = [str(python), str(self.code / "client.py"), "--url", address]
        command += ["--tokenizer", str(self.folder / "tokenizer.json"), *self.sentences()]
        return capture(command, env=environ, timeout=_CLIENT_SECONDS)

    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.code / "sentences.json").read_text())
        return document


def _tensor(document: Mapping[str, Any], name: str, row: int) -> dict[str, Any]:
    data = document[name][row]
    return {"name": name, "datatype": "INT64", "shape": [1, len(data)], "data": data}


def prepare(repository: Path, cache: Path, uv: Path, environ: Mapping[str, str]) -> Example:
    """Put code and weights together (nothing is fetched if they are there and right).

    Raises:
        CommandFailed: the weights cannot be had.
    """
    out = cache / "examples"
    command = [str(base_python()), str(repository / "examples" / "prepare.py")]
    command += ["--out", str(out), "--example", NAME]
    path = f"{uv.parent}:{environ.get('PATH', '')}"
    done = subprocess.run(
        command,
        env={**environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=_FETCH_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise CommandFailed(f"examples/prepare.py: {(done.stderr or done.stdout).strip()}")
    examples = repository / "examples"
    return Example(
        folder=out / NAME,
        data=out / f"{NAME}-data",
        manifest=examples / f"{NAME}.yaml",
        code=examples / NAME,
    )


def uploads(access: Access, example: Example) -> dict[str, Path]:
    """Where in the claim the manifest looks → the folder to put there.

    kubectl reads the YAML for us.

    Raises:
        HarnessError: the manifest does not read from the claim ``models``.
    """
    done = access.kubectl("create", "--dry-run=client", "-o", "json", "-f", str(example.manifest))
    spec = json.loads(done.stdout)["spec"]
    source = _in_claim(spec["model"]["source"]["pytorch"]["uri"], example.manifest)
    data = _in_claim(spec["evaluation"]["dataUri"], example.manifest)
    return {source: example.folder, str(PurePosixPath(data).parent): example.data}


def _in_claim(address: str, manifest: Path) -> str:
    uri = urlsplit(address)
    if uri.scheme != "pvc" or uri.netloc != CLAIM:
        raise HarnessError(f"{manifest}: {address} is not in the claim {CLAIM}")
    return str(uri.path).strip("/")
