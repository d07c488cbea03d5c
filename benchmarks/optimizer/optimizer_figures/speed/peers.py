"""The stock recipes: what people do today without a builder. Pure."""

from __future__ import annotations

from dataclasses import dataclass

PYTORCH = "pytorch"
EAGER, SHIPPED, PICKED = "eager", "shipped", "picked"
COMPILE, AOT_INDUCTOR, TORCHAO = "torch-compile", "aot-inductor", "torchao-int8"
ORT, ORT_INT8 = "onnxruntime", "onnxruntime-int8"
NNCF_INT8, OPENVINO, OPENVINO_BARE = "nncf-int8", "openvino", "openvino-bare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One recipe. ``title``: for people; ``of_torch``: it is for PyTorch models only.

    ``exact``: it computes what the source model does but for rounding, so equality with it is
    enough, as for the builder's own candidates; else the metric decides.
    """

    name: str
    title: str
    exact: bool
    of_torch: bool = False


PEERS = (
    Peer(name=EAGER, title="eager", exact=True),
    Peer(name=COMPILE, title="torch.compile", exact=True, of_torch=True),
    Peer(name=AOT_INDUCTOR, title="AOTInductor", exact=True, of_torch=True),
    Peer(name=ORT, title="ONNX Runtime", exact=True),
    Peer(name=ORT_INT8, title="ONNX Runtime, dynamic int8", exact=False),
    Peer(name=TORCHAO, title="torchao, dynamic int8, compiled", exact=False, of_torch=True),
    Peer(name=NNCF_INT8, title="NNCF int8 in OpenVINO", exact=False),
    Peer(name=OPENVINO, title="OpenVINO, float32 asked for", exact=True),
    Peer(name=OPENVINO_BARE, title="OpenVINO as it comes", exact=False),
)
TITLES = {peer.name: peer.title for peer in PEERS} | {
    SHIPPED: "**shipped**",
    PICKED: "picked by the tuning",
}


def peers_for(source_kind: str) -> tuple[Peer, ...]:
    """Those that there are for a source of this kind."""
    return tuple(peer for peer in PEERS if source_kind == PYTORCH or not peer.of_torch)
