"""A store that is full, read-only or unreachable: a retry may help, and nothing is committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import onnx
import pytest
from onnx import TensorProto, helper

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.requests import SourceRequest

if TYPE_CHECKING:
    from conftest import Bench, Outcome, S3Server


@pytest.fixture
def quick(bench: Bench) -> Bench:
    """A source that builds within a few seconds: ONNX, one node, a 2 MB constant."""
    bench.source = SourceRequest(kind="onnx", uri="")
    size = 1 << 19
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1, size], bytes(4 * size), raw=True)
    node = helper.make_node("Add", ["x", "w"], ["y"])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", size])
    graph = helper.make_graph([node], "g", [x], [y], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, bench.source_folder / "model.onnx")
    return bench


def failed(outcome: Outcome, reason: str) -> bool:
    return (outcome.code, outcome.result.reason) == (exit_codes.INFRASTRUCTURE, reason)


def test_a_full_volume_is_named_and_the_half_upload_is_withdrawn(
    quick: Bench, in_namespace: Callable[[str], tuple[str, ...]]
) -> None:
    """A real file system of 1 MiB; what it holds at the end is looked at from inside."""
    listing = quick.root / "listing"
    store = quick.store_folder
    setup = (
        f'mount -t tmpfs -o size=1m none {store} && trap "find {store} -type f > {listing}" EXIT'
    )
    prefix = in_namespace(setup)
    # Without exec, so that the trap runs when the build has ended.
    prefix = (*prefix[:-2], prefix[-2].replace('exec "$@"', '"$@"'), prefix[-1])
    outcome = quick.build(prefix=prefix)
    assert failed(outcome, "StoreFull"), outcome.log
    assert str(store) in outcome.result.message
    assert "enlarge the volume" in outcome.result.message
    assert listing.read_text() == "", "neither a manifest nor parts are left"


def test_a_read_only_volume_is_found_before_the_work_is_done(
    quick: Bench, in_namespace: Callable[[str], tuple[str, ...]]
) -> None:
    store = quick.store_folder
    prefix = in_namespace(f"mount --bind {store} {store} && mount -o remount,ro,bind {store}")
    outcome = quick.build(prefix=prefix)
    assert failed(outcome, "StoreReadOnly"), outcome.log
    assert "writing is refused" in outcome.result.message
    assert outcome.progress == []


def test_a_full_scratch_volume_is_not_called_the_stores_fault(
    quick: Bench, in_namespace: Callable[[str], tuple[str, ...]]
) -> None:
    scratch = quick.root / "scratch"
    scratch.mkdir()
    outcome = quick.build(prefix=in_namespace(f"mount -t tmpfs -o size=1m none {scratch}"))
    assert failed(outcome, "ScratchUnusable"), outcome.log
    assert "ephemeral storage" in outcome.result.message


def test_a_claim_that_is_not_mounted_is_named(quick: Bench) -> None:
    quick.store_uri = "pvc://no-such-claim/artifacts"
    outcome = quick.build()
    assert failed(outcome, "StoreUnavailable")
    assert "'no-such-claim' is not mounted" in outcome.result.message


def test_an_unreachable_s3_is_told_within_seconds(
    quick: Bench, s3: S3Server, closed_port: int
) -> None:
    quick.store_uri = "s3://artifacts/services"
    quick.environment = {**s3.environment, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{closed_port}"}
    outcome = quick.build()
    assert failed(outcome, "StoreUnavailable")
    assert "cannot be reached" in outcome.result.message
    assert "AWS_ENDPOINT_URL" in outcome.result.message


def test_a_bucket_that_does_not_exist_is_named(quick: Bench, s3: S3Server) -> None:
    quick.store_uri = "s3://nobody-made-this"
    quick.environment = dict(s3.environment)
    outcome = quick.build()
    assert failed(outcome, "StoreUnavailable")
    assert "no such bucket" in outcome.result.message


def test_missing_credentials_name_the_secret_to_look_at(quick: Bench, s3: S3Server) -> None:
    quick.store_uri = "s3://artifacts"
    quick.environment = {
        "AWS_ENDPOINT_URL": s3.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    outcome = quick.build()
    assert failed(outcome, "StoreUnavailable"), outcome.result.message
    assert "spec.store.secretName" in outcome.result.message


def test_a_build_is_published_to_s3(quick: Bench, s3: S3Server, bucket: str) -> None:
    quick.store_uri = f"s3://{bucket}/services"
    quick.environment = dict(s3.environment)
    outcome = quick.build()
    assert outcome.code == exit_codes.OK, outcome.log
    again = quick.build()
    assert again.result.artifact == outcome.result.artifact
    assert "published before" in again.result.message
