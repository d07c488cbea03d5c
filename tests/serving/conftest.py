"""Fixtures of the serving side's tests: artifacts in a store, Triton pods, a tune Job's pod."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

# Helpers are modules, not fixtures; pytest's importlib mode puts no test folder on the path.
sys.path.append(str(Path(__file__).with_name("helpers")))
# Where the programs of NVIDIA's image lie in this environment (harness/triton/install.py).
os.environ["PATH"] = os.pathsep.join([str(Path(sys.prefix, "triton", "bin")), os.environ["PATH"]])

from artifacts import EXPORT, Kind, Published, publish, read_manifest, write_files
from models import Model, linear
from pod import Pod, serving
from tune_pod import TunePod

from modelservice_runtime.contract.model_config import PYTHON_BACKEND, warmup_sizes
from modelservice_runtime.serve.shared_memory import region_prefix, remove_regions

# What tuners started here compile: once for all tests, outside of their folders.
COMPILED = Path(tempfile.gettempdir(), f"modelservice-tests-compiled-{os.getuid()}")
os.environ.setdefault("NUMBA_CACHE_DIR", str(COMPILED))

PodOf = Callable[..., Pod]


@pytest.fixture
def published(tmp_path: Path) -> Published:
    """The linear model in a store."""
    return publish(linear(), tmp_path)


@pytest.fixture
def pod_of(tmp_path: Path) -> Iterator[PodOf]:
    """Makes a pod of a model; it is stopped at the end. Keywords go to the configuration.

    ``kinds``: the artifact's variants, of which the first is served.
    """
    made: list[Pod] = []

    def make(
        model: Model, *, kinds: Sequence[Kind] = (EXPORT,), max_batch_size: int = 4, **settings: int
    ) -> Pod:
        artifact = write_files(model, tmp_path / f"artifact-{len(made)}", kinds)
        manifest = read_manifest(artifact)
        config = serving(
            manifest.variants[0],
            name="tiny",
            backend=PYTHON_BACKEND,
            max_batch_size=max_batch_size,
            interface=model.interface,
            warmup_batch_sizes=warmup_sizes(max_batch_size),
            warmup_inputs=manifest.sample_inputs,
            **settings,
        )
        root = tmp_path / f"pod-{len(made)}"
        root.mkdir()
        made.append(Pod(root=root, artifact=artifact, config=config))
        return made[-1]

    yield make
    for pod in made:
        pod.kill()
        remove_regions(region_prefix(pod.root / "repository", pod.config.name))


@pytest.fixture
def tune_pod(published: Published, tmp_path: Path) -> Iterator[TunePod]:
    """The pod of a tune Job for the linear model, not started yet."""
    pod = TunePod(root=tmp_path, uri=published.uri, digest=published.digest)
    yield pod
    pod.kill()
