"""A source of a framework that this builder does not have: said, with the image that has it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelservice_runtime.builder.errors import BuildError
from modelservice_runtime.builder.scratch import Scratch
from modelservice_runtime.builder.worker import Limits, Worker


def test_a_keras_model_in_the_builder_of_torch_names_the_image_it_needs(tmp_path: Path) -> None:
    scratch = Scratch(root=tmp_path)
    scratch.create()
    worker = Worker(
        "source model",
        "modelservice_runtime.builder.tensorflow_worker",
        environment=scratch.environment(os.environ),
        cwd=scratch.work,
        limits=Limits(memory_bytes=0),
    )
    with worker, pytest.raises(BuildError, match="modelservice-builder-keras") as caught:
        worker.ask("load", timeout=30, doing="loading", source="", samples_file="")
    assert caught.value.reason == "InternalError"
