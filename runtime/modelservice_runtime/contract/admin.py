"""How the operator alone may use what Triton keeps closed to everyone else."""

from __future__ import annotations

#: Name of the header (HTTP) or metadata field (gRPC) that carries the key.
ADMIN_HEADER = "modelservice-admin-key"
#: Triton puts this before the name on gRPC.
GRPC_HEADER_PREFIX = "triton-grpc-protocol-"
#: The key's entry in its Secret, which is the file's name in the pod.
ADMIN_KEY_FILE = "key"
