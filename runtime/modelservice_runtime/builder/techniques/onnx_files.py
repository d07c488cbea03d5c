"""ONNX models in a maker: read, looked through, written with what was promised of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx

from modelservice_runtime.builder import onnx_model
from modelservice_runtime.contract.tensors import ModelInterface

from .base import CannotProduceError
from .onnx_writing import write_one_file
from .refusals import in_words

DEFAULT_DOMAINS = frozenset({"", "ai.onnx"})
_CONTROL_FLOW = ("If", "Loop", "Scan")


def load(path: Path) -> onnx.ModelProto:
    """The model with its weights.

    Raises:
        CannotProduceError: it is no ONNX.
    """
    with in_words(f"reading {path.name}"):
        return onnx.load(str(path))


def interface_of(path: Path) -> ModelInterface:
    """What the model takes and gives.

    Raises:
        CannotProduceError: it is no ONNX, or cannot be served.
    """
    with in_words(f"reading {path.name}"):
        return onnx_model.interface(onnx.load(str(path), load_external_data=False))


def nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those in the branches and bodies of control flow too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from nodes(inner)


def count_operators(model: onnx.ModelProto) -> Mapping[str, int]:
    """Operator → how often. Those outside of ONNX's own domain as ``com.microsoft:Attention``."""
    return Counter(operator(node) for node in nodes(model.graph))


def operator(node: onnx.NodeProto) -> str:
    """The operator with its domain: ``Conv``, ``com.microsoft:Attention``."""
    if node.domain in DEFAULT_DOMAINS:
        return str(node.op_type)
    return f"{node.domain}:{node.op_type}"


def refuse_control_flow(model: onnx.ModelProto, tool: str) -> None:
    """For tools that rewrite the main graph and would leave the rest as it is, or break.

    Raises:
        CannotProduceError: there is control flow.
    """
    found = [op for op in _CONTROL_FLOW if op in {node.op_type for node in nodes(model.graph)}]
    if found:
        raise CannotProduceError(
            f"the model has control flow ({', '.join(found)}); {tool} skips it"
        )


def save(model: onnx.ModelProto, wanted: ModelInterface, path: Path) -> None:
    """Write ``model`` as one file without what differs from run to run, and check it.

    ``model`` is empty afterwards.

    Raises:
        CannotProduceError: it is no valid ONNX, or its inputs or outputs are others.
    """
    tidy(model)
    with in_words("writing the model as one file"):
        write_one_file(model, path)
    check(path, wanted)


def tidy(model: onnx.ModelProto) -> None:
    """Drop notes, and domains that nothing is from (ONNX Runtime lists all that it knows)."""
    used = {node.domain for node in nodes(model.graph)} | {f.domain for f in model.functions}
    used = {"" if domain in DEFAULT_DOMAINS else domain for domain in used}
    kept = [o for o in model.opset_import if ("" if o.domain == "ai.onnx" else o.domain) in used]
    if not any(o.domain in DEFAULT_DOMAINS for o in kept):
        kept = [o for o in model.opset_import if o.domain in DEFAULT_DOMAINS] + kept
    kept = [onnx.helper.make_opsetid(o.domain, o.version) for o in kept]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    del model.metadata_props[:]
    model.doc_string = ""
    for node in nodes(model.graph):
        node.doc_string = ""
        del node.metadata_props[:]


def check(path: Path, wanted: ModelInterface) -> None:
    """The file is valid and takes and gives what was there before, in the same order.

    Raises:
        CannotProduceError: in words, naming the tensor.
    """
    with in_words("the result"):
        found = onnx_model.check(path)
    for kind, here, there in (
        ("inputs", found.inputs, wanted.inputs),
        ("outputs", found.outputs, wanted.outputs),
    ):
        said = [f"{spec.name} ({spec.datatype})" for spec in here]
        before = [f"{spec.name} ({spec.datatype})" for spec in there]
        if said != before:
            raise CannotProduceError(
                f"the result's {kind} are {', '.join(said)}; they were {', '.join(before)}"
            )
