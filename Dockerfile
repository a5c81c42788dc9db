# A RealCam server in a container. Two targets: `cpu`, for the engine draft and camera checks, and `cuda`, with the
# networks:
#
#     docker build --target cpu -t realcam:cpu .
#     docker build --target cuda -t realcam:cuda .
#
# Both have what `realcam gateway` needs. Ray, for `realcam serve --cluster`, comes with `--build-arg CLUSTER=yes`.
#
# What runs inside is what uv.lock names, file by file with its hash. No weights: they lie in the volume /weights, keys
# in /keys, jobs and clips in /jobs. docs/operations.md says how it is run; compose.yaml runs it.

FROM python:3.13-slim AS runtime
RUN useradd --uid 10001 --create-home realcam \
    && install -d -o realcam -g realcam -m 700 /keys /jobs /weights
ENV PATH=/opt/realcam/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    REALCAM_CONFIG_DIR=/keys \
    REALCAM_WEIGHTS=/weights
USER 10001
VOLUME ["/keys", "/jobs", "/weights"]
EXPOSE 47110 47111
# It speaks to the server as a client does: a server whose loop stands still is unhealthy, too.
HEALTHCHECK --interval=60s --timeout=20s --start-period=120s CMD ["realcam", "status"]
ENTRYPOINT ["realcam"]
CMD ["serve", "--host", "0.0.0.0", "--data-dir", "/jobs"]


FROM python:3.13-slim AS build
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/realcam \
    UV_PYTHON_DOWNLOADS=never
RUN python -m pip install --no-cache-dir uv==0.13.9
WORKDIR /source
COPY pyproject.toml uv.lock ./


# Twice uv sync, so that a change of our own code does not fetch the packages again.
FROM build AS cpu-build
ARG CLUSTER=
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-dev --no-install-project --extra evaluation --extra gateway ${CLUSTER:+--extra cluster}
COPY . .
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-dev --no-editable --extra evaluation --extra gateway ${CLUSTER:+--extra cluster}


FROM build AS cuda-build
ARG CLUSTER=
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-dev --no-install-project --extra evaluation --extra gateway --extra models \
    ${CLUSTER:+--extra cluster}
COPY . .
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-dev --no-editable --extra evaluation --extra gateway --extra models \
    ${CLUSTER:+--extra cluster}


# PyTorch's packages bring the libraries of CUDA 13, so an image of NVIDIA's would hold them twice; the driver comes
# from the host, by NVIDIA's container toolkit. Triton compiles attention for the card with a C compiler.
FROM runtime AS cuda
USER 0
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_VISIBLE_DEVICES=all
USER 10001
COPY --from=cuda-build /opt/realcam /opt/realcam


# The last one is what `docker build .` makes.
FROM runtime AS cpu
COPY --from=cpu-build /opt/realcam /opt/realcam
