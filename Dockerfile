# The provider and its command line; compose.yaml runs the sample app from it too. Redis is not in it: CANARY_REDIS_URL
# names one. Build with BuildKit (Docker 23 or newer) or Buildah.

# The version of Python, and of Debian, that the tests run on.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
# .dockerignore lets in only what the wheel is made of.
COPY . .
# The very versions that are tested, and no installer among them.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv install --disable-pip-version-check --constraint constraints.txt '.[certificate]'

FROM python:3.11-slim-bookworm
# A number, so that Kubernetes and others can tell that it is not root. compose.yaml runs Traefik as the same one, which
# may so read the key of the default certificate.
RUN groupadd --gid 10001 canary \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin canary \
    # A volume takes its owner from the directory that it is first mounted over.
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/traefik-canary \
    && install --directory --owner=10001 --group=10001 --mode=0755 /etc/traefik/certificate
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    # Inside a container the loopback interface reaches nobody. What is published is for who runs it to say.
    CANARY_BIND=0.0.0.0:8080 \
    CANARY_DATA_DIR=/var/lib/traefik-canary
USER 10001:10001
EXPOSE 8080
# There is no curl in the image. Images in OCI's format have no health check: with Podman or Buildah,
# build with --format docker.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "\
from http.client import HTTPConnection; \
provider = HTTPConnection('127.0.0.1', 8080, timeout=4); \
provider.request('GET', '/readyz'); \
exit(provider.getresponse().status != 200)"]
ENTRYPOINT ["traefik-canary"]
CMD ["serve"]
