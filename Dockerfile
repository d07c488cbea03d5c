# syntax=docker/dockerfile:1
#
# The five images: docker build --target T -t modelservice-T:0.1.0 . with T one of operator, builder,
# builder-keras, serving, tuner. builder-keras is for models of TensorFlow and Keras alone.
#
# Each holds exactly the environment that uv.lock has for its extra, in /opt/venv, and runs as
# user 65532. The tests read this file (hadolint, the locked package lists); it has not been built
# by them, as there is no registry where they run.

ARG PYTHON_VERSION=3.11.18
ARG UV_VERSION=0.13.9
# 26.07: Triton 2.71 with ONNX Runtime 1.27 on Ubuntu 24.04, for GPUs from compute capability 7.5.
ARG TRITON_VERSION=26.07
# Only for libcudart.so.12, which perf_analyzer 2.51 is linked to; 26.07 itself has CUDA 13.
ARG CUDA_VERSION=12.9.1

FROM ghcr.io/astral-sh/uv:${UV_VERSION} AS uv

FROM nvcr.io/nvidia/cuda:${CUDA_VERSION}-base-ubuntu24.04 AS cuda

FROM python:${PYTHON_VERSION}-slim-bookworm AS python
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/venv/bin:$PATH

# What every environment is made from.
FROM python AS sources
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/venv \
    UV_PYTHON=/usr/local/bin/python3.11 \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /src
COPY LICENSE README.md pyproject.toml uv.lock ./
COPY operator/ operator/
COPY runtime/ runtime/

FROM sources AS operator-environment
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-editable --no-default-groups --extra operator

FROM sources AS builder-environment
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-editable --no-default-groups --extra builder

FROM sources AS builder-keras-environment
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-editable --no-default-groups --extra keras

# Triton's image has Python 3.12 and this project 3.11: uv's own build of Python, which needs
# nothing of the system but glibc, goes along with the environment.
FROM sources AS portable-python
ARG PYTHON_VERSION
ENV UV_PYTHON=${PYTHON_VERSION} \
    UV_PYTHON_DOWNLOADS=automatic \
    UV_PYTHON_INSTALL_DIR=/opt/python \
    UV_PYTHON_PREFERENCE=only-managed

FROM portable-python AS serving-environment
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-editable --no-default-groups --extra serving

FROM portable-python AS tuner-environment
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-editable --no-default-groups --extra tuner

# Triton as NVIDIA ships it. Models run in its ONNX Runtime backend; the Python here is for the
# init container and the start wrapper only, so runtimes with this image say backend: onnxruntime.
# What AOTInductor compiled needs the runner of backend: python, with a Triton whose Python is this
# one and the extra aoti beside serving; in these images torch would be gigabytes without a use.
FROM nvcr.io/nvidia/tritonserver:${TRITON_VERSION}-py3 AS triton
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/venv/bin:$PATH

FROM python AS operator
LABEL org.opencontainers.image.title="modelservice-operator" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=operator-environment /opt/venv /opt/venv
USER 65532:65532
ENTRYPOINT ["modelservice-operator"]
CMD ["run"]

FROM python AS builder
LABEL org.opencontainers.image.title="modelservice-builder" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=builder-environment /opt/venv /opt/venv
USER 65532:65532
ENTRYPOINT ["python", "-m", "modelservice_runtime.builder"]

FROM python AS builder-keras
LABEL org.opencontainers.image.title="modelservice-builder-keras" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=builder-keras-environment /opt/venv /opt/venv
USER 65532:65532
ENTRYPOINT ["python", "-m", "modelservice_runtime.builder"]

FROM triton AS serving
LABEL org.opencontainers.image.title="modelservice-serving" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=serving-environment /opt/python /opt/python
COPY --from=serving-environment /opt/venv /opt/venv
USER 65532:65532
ENTRYPOINT ["python", "-m", "modelservice_runtime.serve.start"]

FROM triton AS tuner
LABEL org.opencontainers.image.title="modelservice-tuner" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=cuda /usr/local/cuda/lib64/libcudart.so.12 /usr/local/lib/libcudart.so.12
RUN ldconfig
COPY --from=tuner-environment /opt/python /opt/python
COPY --from=tuner-environment /opt/venv /opt/venv
USER 65532:65532
ENTRYPOINT ["python", "-m", "modelservice_runtime.tuner"]
