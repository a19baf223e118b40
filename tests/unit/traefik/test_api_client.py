import gzip
import io
import json
import tarfile
from collections.abc import Iterator

import pytest

from provider.traefik.api_client import GatewayUnreachableError, Overview, TraefikApi
from tests.drip import HEAD, dripping_server
from tests.unit.services.traefik import Raw, Traefik, running_traefik

SHOP = {"name": "shop@http", "status": "enabled", "rule": "Host(`shop.localhost`)"}


@pytest.fixture
def traefik() -> Iterator[Traefik]:
    with running_traefik() as traefik:
        yield traefik


@pytest.fixture
def api(traefik: Traefik) -> Iterator[TraefikApi]:
    api = TraefikApi(traefik.url, timeout_seconds=5)
    yield api
    api.close()


def test_a_part_is_shown_as_traefik_has_it(traefik: Traefik, api: TraefikApi) -> None:
    traefik.parts = {"routers/shop@http": SHOP}

    assert api.show("routers/shop@http") == SHOP
    assert traefik.asked == ["/api/http/routers/shop@http"]


def test_a_part_that_traefik_lacks_is_none(api: TraefikApi) -> None:
    assert api.show("routers/shop@http") is None


@pytest.mark.parametrize("path", ["", "/", "/edge", "/edge/"])
def test_an_address_may_have_a_path_and_end_in_a_slash(traefik: Traefik, path: str) -> None:
    TraefikApi(traefik.url + path).show("routers/shop@http")

    assert [f"{path.rstrip('/')}/api/http/routers/shop@http"] == traefik.asked


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (3, 1), (4, 2), (9, 3), (10, 4)])
def test_all_parts_are_read_page_by_page(traefik: Traefik, api: TraefikApi, count: int, pages: int) -> None:
    traefik.page_size = 3
    traefik.parts = {f"services/s{index}@docker": {"name": f"s{index}@docker"} for index in range(count)}

    assert traefik.parts == api.show_all("services")
    assert len(traefik.asked) == pages


def test_parts_of_another_section_are_left_out(traefik: Traefik, api: TraefikApi) -> None:
    traefik.parts = {"routers/shop@http": SHOP, "services/shop@http": {"name": "shop@http"}}

    assert api.show_all("routers") == {"routers/shop@http": SHOP}


@pytest.mark.parametrize("following", ["1", "0", "-1", "", "last", "²"])
def test_pages_that_do_not_go_on_end_the_reading(traefik: Traefik, api: TraefikApi, following: str) -> None:
    traefik.raw = {"routers": Raw(json.dumps([SHOP]).encode(), headers={"X-Next-Page": following})}

    assert api.show_all("routers") == {"routers/shop@http": SHOP}
    assert len(traefik.asked) == 1


def test_a_page_that_names_itself_is_not_read_for_ever(traefik: Traefik, api: TraefikApi) -> None:
    traefik.raw = {"routers": Raw(json.dumps([SHOP]).encode(), headers={"X-Next-Page": "2"})}

    assert api.show_all("routers") == {"routers/shop@http": SHOP}
    assert len(traefik.asked) == 2


def test_answers_of_some_megabytes_and_compressed_ones_are_read(traefik: Traefik, api: TraefikApi) -> None:
    big = {**SHOP, "rule": "x" * 3_000_000}
    body = gzip.compress(json.dumps(big).encode())
    traefik.raw = {"routers/shop@http": Raw(body, headers={"Content-Encoding": "gzip"})}

    assert api.show("routers/shop@http") == big


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (Raw(b"", 500), "answers 500"),
        (Raw(b"", 401), "answers 401"),
        (Raw(b"", 204), "answers 204"),
        (Raw(b"", 302, {"Location": "/dashboard/"}), "answers 302"),
        (Raw(b""), "does not answer JSON"),
        (Raw(b"<html>"), "does not answer JSON"),
        (Raw(b"\xff\xfe\xfd"), "does not answer JSON"),
        (Raw(b"NaN"), "does not answer JSON"),
        (Raw(b"[" * 100_000), "does not answer JSON"),
        (Raw(b"null"), "does not answer as Traefik does"),
        (Raw(b'"shop"'), "does not answer as Traefik does"),
        (Raw(b"not gzip", headers={"Content-Encoding": "gzip"}), "does not answer: DecodeError"),
        (Raw(b"[{", headers={"Content-Length": "100"}), "does not answer: "),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value)[:40],
)
def test_an_answer_that_is_none_of_traefiks_says_so(traefik: Traefik, api: TraefikApi, raw: Raw, words: str) -> None:
    traefik.raw = {"routers": raw, "routers/shop@http": raw}

    for ask in (lambda: api.show("routers/shop@http"), lambda: api.show_all("routers")):
        with pytest.raises(GatewayUnreachableError, match=f"^{traefik.url}.* {words}"):
            ask()


@pytest.mark.parametrize(
    "body", [b"{}", b"[1]", b"[null]", b'["shop"]', b"[[]]", b"[{}]", b'[{"status": "enabled"}]']
)
def test_a_list_of_anything_but_named_parts_is_none(traefik: Traefik, api: TraefikApi, body: bytes) -> None:
    traefik.raw = {"routers": Raw(body)}

    with pytest.raises(GatewayUnreachableError, match="does not answer as Traefik does"):
        api.show_all("routers")


def test_a_list_is_no_part(traefik: Traefik, api: TraefikApi) -> None:
    traefik.raw = {"routers/shop@http": Raw(b"[]")}

    with pytest.raises(GatewayUnreachableError, match="does not answer as Traefik does"):
        api.show("routers/shop@http")


def test_a_redirect_is_not_followed(traefik: Traefik, api: TraefikApi) -> None:
    traefik.raw = {"routers/shop@http": Raw(b"", 307, {"Location": f"{traefik.url}/elsewhere"})}

    with pytest.raises(GatewayUnreachableError, match="answers 307"):
        api.show("routers/shop@http")
    assert traefik.asked == ["/api/http/routers/shop@http"]


def test_an_answer_that_is_held_too_long_is_not_waited_for(traefik: Traefik) -> None:
    traefik.is_answering.clear()

    with pytest.raises(GatewayUnreachableError, match=r"does not answer within 0\.05 s"):
        TraefikApi(traefik.url, timeout_seconds=0.05).show("routers/shop@http")


def test_a_header_that_drips_is_not_waited_for() -> None:
    with (
        dripping_server(HEAD, b"X: y\r\n") as url,
        pytest.raises(GatewayUnreachableError, match=r"does not answer within 2 s"),
    ):
        TraefikApi(url, timeout_seconds=0.4).overview()


def test_a_body_that_drips_is_not_waited_for() -> None:
    with (
        dripping_server(HEAD + b"\r\n", b" ") as url,
        pytest.raises(GatewayUnreachableError, match=r"does not answer all within 2 s"),
    ):
        TraefikApi(url, timeout_seconds=0.4).overview()


def test_a_body_that_unpacks_to_too_much_is_not_read(traefik: Traefik, api: TraefikApi) -> None:
    body = gzip.compress(b" " * 200_000_000, compresslevel=1)
    traefik.raw = {"routers": Raw(body, headers={"Content-Encoding": "gzip"})}

    with pytest.raises(GatewayUnreachableError, match="answers more than 134,217,728 bytes"):
        api.show_all("routers")


def test_pages_without_an_end_are_not_read_for_ever(api: TraefikApi, traefik: Traefik) -> None:
    traefik.page_size = 1
    traefik.parts = {f"routers/r{number}@http": {"name": f"r{number}@http"} for number in range(201)}

    with pytest.raises(GatewayUnreachableError, match="has more than 200 pages of routers"):
        api.show_all("routers")
    assert len(traefik.asked) == 200


@pytest.mark.parametrize("following", ["9" * 5_000, "1234567890"])
def test_a_next_page_of_many_digits_is_none_of_traefiks(traefik: Traefik, api: TraefikApi, following: str) -> None:
    traefik.raw = {"routers": Raw(json.dumps([SHOP]).encode(), headers={"X-Next-Page": following})}

    with pytest.raises(GatewayUnreachableError, match="does not answer as Traefik does"):
        api.show_all("routers")


@pytest.mark.parametrize("facts", [{"error": 5}, {"error": "x"}, {"error": [5]}, {"status": []}, {"status": None}])
def test_a_part_with_facts_of_other_types_is_none_of_traefiks(
    traefik: Traefik, api: TraefikApi, facts: dict[str, object]
) -> None:
    part = {**SHOP, **facts}
    traefik.raw = {
        "routers": Raw(json.dumps([part]).encode()),
        "routers/shop@http": Raw(json.dumps(part).encode()),
    }

    for ask in (lambda: api.show("routers/shop@http"), lambda: api.show_all("routers")):
        with pytest.raises(GatewayUnreachableError, match="does not answer as Traefik does"):
            ask()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://a..b", f"http://{'a' * 64}.localhost"])
def test_an_address_where_nothing_answers_is_named(url: str) -> None:
    with pytest.raises(GatewayUnreachableError, match=f"^{url} does not answer: "):
        TraefikApi(url).show("routers/shop@http")


def test_the_next_request_is_answered_after_a_failure(traefik: Traefik, api: TraefikApi) -> None:
    traefik.raw = {"routers/shop@http": Raw(b"", 500)}
    with pytest.raises(GatewayUnreachableError):
        api.show("routers/shop@http")
    traefik.raw, traefik.parts = {}, {"routers/shop@http": SHOP}

    assert api.show("routers/shop@http") == SHOP


def test_parts_are_counted_with_those_that_something_is_wrong_with(traefik: Traefik, api: TraefikApi) -> None:
    traefik.parts = {
        "routers/a@http": {"status": "disabled"},
        "routers/b@http": SHOP,
        "services/a@docker": {"status": "warning"},
    }

    assert Overview(total=3, wrong=2) == api.overview()


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"http": 7}',
        b'{"http": {"routers": {"total": 1.5}}}',
        b'{"http": {"routers": {"total": "many"}}}',
        b"[]",
    ],
)
def test_a_count_that_is_none_of_traefiks_is_no_count(traefik: Traefik, api: TraefikApi, body: bytes) -> None:
    traefik.raw = {"/api/overview": Raw(body)}

    with pytest.raises(GatewayUnreachableError, match="does not answer as Traefik does"):
        api.overview()


def test_a_version_is_told_where_traefik_tells_it(traefik: Traefik, api: TraefikApi) -> None:
    first = api.version()
    traefik.raw = {"/api/version": Raw(status=404)}

    assert (first, api.version()) == ("3.7.15", None)


def support_dump(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        file = tarfile.TarInfo(name)
        file.size = len(content)
        archive.addfile(file, io.BytesIO(content))
    return packed.getvalue()


def test_the_static_configuration_is_read_from_what_traefik_makes_for_its_support(
    traefik: Traefik, api: TraefikApi
) -> None:
    assert api.static() is None
    traefik.raw["/api/support-dump"] = Raw(support_dump("static-config.json", b'{"api": {"insecure": true}}'))

    assert api.static() == {"api": {"insecure": True}}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        gzip.compress(b"nonsense"),
        support_dump("static-config.json", b"{}")[:-20],
        support_dump("static-config.json", b"{"),
        support_dump("other.json", b"{}"),
    ],
    # Whatever is packed has the time in it: a name that every process would make another of.
    ids=["nothing", "nonsense", "packed nonsense", "cut off", "no JSON", "another file"],
)
def test_another_answer_than_that_is_not_traefiks(traefik: Traefik, api: TraefikApi, body: bytes) -> None:
    traefik.raw["/api/support-dump"] = Raw(body)
    with pytest.raises(GatewayUnreachableError, match="does not answer as Traefik does"):
        api.static()


def test_what_traefik_says_is_wrong_is_one_short_line_that_hides_nothing(traefik: Traefik, api: TraefikApi) -> None:
    errors = ["a\x1b[2J\u202eb\nc", "x" * 5_000, *["more"] * 100]
    traefik.parts = {"routers/shop@http": {**SHOP, "error": errors}}
    (shown,) = api.show_all("routers").values()

    assert shown["error"][0] == "a [2J b c"
    assert [len(shown["error"][1]), len(shown["error"])] == [1_000, 20]


@pytest.mark.parametrize("body", [b"404 page not found\n", b"<html></html>", b"[]", b'{"error": "no"}'])
def test_a_404_of_another_server_is_no_part_that_is_missing(traefik: Traefik, api: TraefikApi, body: bytes) -> None:
    traefik.raw = {"routers/shop@http": Raw(body, 404)}

    with pytest.raises(GatewayUnreachableError, match="this is not Traefik's API"):
        api.show("routers/shop@http")


@pytest.mark.parametrize("status", [401, 403])
def test_an_api_that_wants_credentials_is_said_to(traefik: Traefik, api: TraefikApi, status: int) -> None:
    traefik.raw = {"routers/shop@http": Raw(b"", status)}

    with pytest.raises(GatewayUnreachableError, match=f"answers {status}: it wants credentials"):
        api.show("routers/shop@http")


def test_a_part_that_is_larger_once_unpacked_than_any_part_is_not_read(traefik: Traefik, api: TraefikApi) -> None:
    body = gzip.compress(b'{"rule": "' + b"x" * 17_000_000 + b'"}')
    traefik.raw = {"routers/shop@http": Raw(body, headers={"Content-Encoding": "gzip"})}

    with pytest.raises(GatewayUnreachableError, match="answers more than"):
        api.show("routers/shop@http")
