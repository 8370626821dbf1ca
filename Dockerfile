# muxboard with tmux and the OpenSSH client. `make image` builds it: tools/image says how. Nothing in it needs to be
# written but /tmp, which can be a tmpfs.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS build
# Debian stable's own packages, with its security updates: their versions are not pinned.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv \
 && python3 -m venv /opt/muxboard
ARG PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_NO_INDEX
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements.lock /src/
RUN /opt/muxboard/bin/pip install --no-compile --require-hashes --only-binary=:all: -r /src/requirements.lock
COPY dist/muxboard-*.whl /src/
# Bytecode that needs no look at its source: a root file system that cannot be written has no other.
RUN /opt/muxboard/bin/pip install --no-compile --no-deps --no-index /src/muxboard-*.whl \
 && /opt/muxboard/bin/pip uninstall --quiet --yes setuptools pip \
 && rm -f /opt/muxboard/bin/[Aa]ctivate* \
 && find /opt/muxboard -name __pycache__ -prune -exec rm -r {} + \
 && PYTHONHASHSEED=0 python3 -m compileall -q -f --invalidation-mode unchecked-hash /opt/muxboard/lib

FROM ${BASE}
# Setuid programs have nothing to do here. The entry in passwd is ssh's: without one it does not start.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
    ca-certificates libpython3-stdlib openssh-client python3-minimal tini tmux \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /tmp/* \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && echo 'muxboard:x:10001:' >> /etc/group \
 && echo 'muxboard:x:10001:10001:muxboard:/tmp:/bin/sh' >> /etc/passwd
COPY --chmod=0644 packaging/container/muxboard.toml /etc/muxboard/muxboard.toml
COPY --from=build /opt/muxboard /opt/muxboard
ENV PATH=/opt/muxboard/bin:/usr/bin:/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8765
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["muxboard", "healthy"]
# tini reaps what ssh and tmux leave behind, and passes SIGTERM on.
ENTRYPOINT ["tini", "--", "muxboard"]
CMD ["serve"]
ARG VERSION=unknown
LABEL org.opencontainers.image.title="muxboard" \
      org.opencontainers.image.description="A web board over tmux sessions, with live terminals in the browser" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT"
