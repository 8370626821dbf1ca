# muxboard with tmux and the OpenSSH client. Build: make image (which builds the wheel first). docs/operations.md says
# how to run it: nothing in it needs to be written but /tmp.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS build
SHELL ["/bin/bash", "-eu", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008  Debian stable's own, with its security updates
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv ca-certificates \
 && python3 -m venv /opt/muxboard
COPY requirements.lock dist/muxboard-*.whl /src/
ARG PIP_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN /opt/muxboard/bin/pip install --require-hashes --only-binary=:all: -r /src/requirements.lock \
 && /opt/muxboard/bin/pip install --no-deps --no-index /src/muxboard-*.whl \
 && /opt/muxboard/bin/pip uninstall --yes setuptools pip \
 && /opt/muxboard/bin/python3 -m compileall -q --invalidation-mode unchecked-hash /opt/muxboard/lib

FROM ${BASE}
LABEL org.opencontainers.image.title="muxboard" \
      org.opencontainers.image.description="A web board over tmux sessions, with live terminals in the browser" \
      org.opencontainers.image.licenses="MIT"
SHELL ["/bin/bash", "-eu", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-minimal libpython3-stdlib tmux openssh-client tini ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* \
 && useradd --system --uid 10001 --user-group --home-dir /tmp --no-create-home --shell /usr/sbin/nologin muxboard
COPY --from=build /opt/muxboard /opt/muxboard
ENV PATH=/opt/muxboard/bin:/usr/bin:/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 MUXBOARD_BIND=127.0.0.1:8765
USER 10001:10001
EXPOSE 8765
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["muxboard", "healthy"]
# The init reaps what ssh leaves behind, and passes SIGTERM on.
ENTRYPOINT ["tini", "--", "muxboard"]
CMD ["serve"]
