"""A setting loaded into a running Triton, over gRPC.

Not over HTTP: there the thread that gets the request loads, and every client whose connection
belongs to that thread waits until the model is there. Over gRPC every load has a thread of its own.
"""

from __future__ import annotations

import asyncio

import grpc
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

from modelservice_runtime.contract.admin import ADMIN_HEADER, GRPC_HEADER_PREFIX

CONNECT_SECONDS = 5.0
#: A pod's own address: no proxy is between.
_OPTIONS = (("grpc.enable_http_proxy", 0),)


async def load(target: str, model: str, *, config: str, key: str) -> str:
    """Load ``config`` (text of a config.pbtxt) at ``target`` (host:port); why it failed, or ""."""
    request = service_pb2.RepositoryModelLoadRequest(model_name=model)
    request.parameters["config"].string_param = config_json(config)
    metadata = ((f"{GRPC_HEADER_PREFIX}{ADMIN_HEADER}", key),)
    async with grpc.aio.insecure_channel(target, options=_OPTIONS) as channel:
        try:
            await asyncio.wait_for(channel.channel_ready(), CONNECT_SECONDS)
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            await stub.RepositoryModelLoad(request, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            return str(error.details() or error.code().name)
        except TimeoutError:
            return f"no gRPC connection to {target} after {CONNECT_SECONDS:.0f} s"
    return ""


def config_json(config: str) -> str:
    """The text of a ``config.pbtxt`` as the JSON that Triton's ``load`` takes."""
    message = text_format.Parse(config, model_config_pb2.ModelConfig())
    return json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None)
