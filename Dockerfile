# The clone and its environment, as `make install` makes it. CONTRIBUTING.md says how to build and run it.
# For CUDA: BASE=nvidia/cuda:13.0.1-base-ubuntu24.04 and TORCH_INDEX empty, so that torch comes with CUDA's libraries.
ARG BASE=debian:trixie-slim
FROM ${BASE}
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/mmvoxceleb
COPY . .
RUN PIP_NO_CACHE_DIR=1 PIP_EXTRA_INDEX_URL="${TORCH_INDEX}" make install VENV=/opt/venv \
    && useradd --create-home --uid 10001 user
USER 10001
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /data
ENTRYPOINT ["mmvoxceleb"]
CMD ["--help"]
