"""The /metrics pages of Traefiks, read directly."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any

import re2
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from provider.domain.analysis import Snapshot
from provider.domain.analysis.snapshots import BUCKETS, REQUESTS, STARTED
from provider.domain.fields.addresses import Networks
from provider.net.http_client import Reply, Source, SourceError, asked, shown
from provider.net.ssrf_guard import ANYWHERE, Credentials, new_session, none_needed
from provider.sources.counters import counted

_SIZE = 256 * 1024 * 1024
_LONGEST_LINE = 1024 * 1024
_SERIES_KEPT = 65_536
_PATTERN_MEMORY = 256 * 1024 * 1024
# Traefik collects the whole page before its first byte; what follows is as long as the page is.
_PATIENCE = 10
_RELOADS = "traefik_config_reloads_total"
_OF_TRAEFIK = re.compile(rb"\n(?:# (?:TYPE|HELP) )?traefik_")
_HINT = "set metrics.prometheus in Traefik's static configuration, and name the entry point that has /metrics"


@dataclass(frozen=True)
class Page:
    """What one Traefik counts, and how often it has rebuilt its routing since it started (None: it does not say)."""

    snapshot: Snapshot
    reloads: int | None


class TraefikMetrics:
    """Reads what Traefiks count. May be used by several threads at once; it starts none.

    Of a page only the lines of the wanted services are parsed: one of 10,000 services (43 MB, 340,000 lines) takes
    9.5 s to parse, and a tenth of a second to search for 200 of them.
    """

    def __init__(
        self,
        *,
        networks: Networks = ANYWHERE,
        credentials: Credentials = none_needed,
        timeout_seconds: float = 2.0,
    ) -> None:
        """Wait so long for each part of a page, and ten times as long for all of it."""
        self._timeout = timeout_seconds
        self._session = new_session(networks, credentials=credentials)

    def snapshots(self, urls: Mapping[str, str], *, services: Collection[str]) -> Mapping[str, Snapshot]:
        """Read the pages at `urls`, by the gateways' names, one after the other.

        A snapshot holds just these services, as far as they were counted yet, and when Traefik started. Raises
        SourceError unless all answer: of a gateway that is left out the traffic would not be seen.
        """
        wanted = frozenset(services)
        return {gateway: self._page(gateway, url, wanted).snapshot for gateway, url in urls.items()}

    def page(self, gateway: str, url: str, *, services: Collection[str]) -> Page:
        """Read one page. Raises SourceError."""
        return self._page(gateway, url, frozenset(services))

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _page(self, gateway: str, url: str, services: frozenset[str]) -> Page:
        source = Source(
            name=f"gateway {gateway}: {shown(url)}",
            timeout_seconds=self._timeout,
            deadline_seconds=_PATIENCE * self._timeout,
            size=_SIZE,
        )
        with asked(self._session, "GET", url, source=source) as reply:
            _insist_on_200(reply, source)
            lines = list(_wanted_lines(reply.blocks, services, source))
        try:
            samples = list(_parsed(lines))
            return Page(counted(samples, services=services), _reloads(samples))
        except ValueError as error:
            raise _not_traefik(source) from error


def _insist_on_200(reply: Reply, source: Source) -> None:
    if reply.status != 200:
        hint = f": {_HINT}" if reply.status == 404 else ""
        raise source.fail(f"answers {reply.status}{hint}")


def _wanted_lines(blocks: Iterable[bytes], services: frozenset[str], source: Source) -> Iterator[bytes]:
    """Pick from a page, as it comes in, the lines worth parsing; insist that it is a whole page of Traefik's."""
    lines = _lines_of(services)
    is_traefik, rest = False, b"\n"
    for block in blocks:
        whole, feed, rest = (rest + block).rpartition(b"\n")
        rest = feed + rest
        is_traefik = is_traefik or bool(_OF_TRAEFIK.search(whole))
        yield from (match[0] for match in lines.finditer(whole))
        if len(rest) > _LONGEST_LINE:
            raise _not_traefik(source)
    if rest != b"\n":
        raise source.fail("answers a page that ends in the middle of a line")
    if not is_traefik:
        raise _not_traefik(source)


@lru_cache(maxsize=8)
def _lines_of(services: frozenset[str]) -> Any:
    """Make the pattern of the lines worth parsing, for RE2: the pages are long, and it is several times faster.

    A quote inside a label's value is always escaped, so that no value can look like the label.
    """
    names = b"|".join(re2.escape(_escaped(service)) for service in sorted(services))
    counters = rb"(?:%b|%b)\{(?:[^\n]*,)?service=\"(?:%b)\"" % (REQUESTS.encode(), BUCKETS.encode(), names)
    options = re2.Options()
    options.encoding, options.max_mem = re2.Options.Encoding.LATIN1, _PATTERN_MEMORY
    return re2.compile(rb"\n(?:(?:%b|%b)[ \t{]|%b)[^\n]*" % (STARTED.encode(), _RELOADS.encode(), counters), options)


def _reloads(samples: Iterable[Sample]) -> int | None:
    values = (sample.value for sample in samples if sample.name == _RELOADS)
    return next((round(value) for value in values if isfinite(value)), None)


def _escaped(service: str) -> bytes:
    """Write a label's value as the text format does."""
    return service.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n").encode()


def _parsed(lines: Iterable[bytes]) -> Iterator[Sample]:
    for line in lines:
        labelled, brace, value = line.decode().rpartition("} ")
        if brace:
            yield _series(labelled + brace)._replace(value=float(value.partition(" ")[0]))
        else:
            yield from _samples(value)


@lru_cache(maxsize=_SERIES_KEPT)
def _series(labelled: str) -> Sample:
    """Parse the name and the labels of a series, which come with every page: only the values change."""
    (sample,) = _samples(f"{labelled}0")
    return sample


def _samples(text: str) -> Iterator[Sample]:
    # Without its TYPE a line is a family of its own, which is all that is needed of it.
    for family in text_string_to_metric_families(text):
        yield from family.samples


def _not_traefik(source: Source) -> SourceError:
    return source.fail(f"does not answer as Traefik's metrics do: {_HINT}")
