# Image with the provider and its command line. compose.yaml also runs the sample app from it. It does not contain Redis: set
# CANARY_REDIS_URL. Build with BuildKit (Docker 23 or newer) or Buildah.

# The versions of Python and Debian that the tests use.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
# .dockerignore only includes the files of the wheel.
COPY . .
# The tested versions, without an installer.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv install --disable-pip-version-check --constraint constraints.txt '.[certificate]'

FROM python:3.11-slim-bookworm
# A numeric user, so that Kubernetes can verify that it is not root. compose.yaml runs Traefik as the same user, so that it can
# read the key of the default certificate.
RUN groupadd --gid 10001 canary \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin canary \
    # A new volume inherits the owner of the directory it is mounted on.
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/traefik-canary \
    && install --directory --owner=10001 --group=10001 --mode=0755 /etc/traefik/certificate
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    # The loopback interface is useless inside a container. Publish the port as needed.
    CANARY_BIND=0.0.0.0:8080 \
    CANARY_DATA_DIR=/var/lib/traefik-canary
USER 10001:10001
EXPOSE 8080
# The image has no curl. Images in OCI format have no health check: with Podman or Buildah, build with
# --format docker.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "\
from http.client import HTTPConnection; \
provider = HTTPConnection('127.0.0.1', 8080, timeout=4); \
provider.request('GET', '/readyz'); \
exit(provider.getresponse().status != 200)"]
ENTRYPOINT ["traefik-canary"]
CMD ["serve"]
