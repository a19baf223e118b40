"""Where the addresses in documents may point to."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.domain.fields import InvalidDocumentError, read
from provider.domain.fields import types as fields
from provider.domain.fields.addresses import Networks
from provider.domain.notifications import WebhookSpec
from provider.domain.rollouts import Side, Spec
from tests.world import spec

METADATA = [
    *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "169.254.169.254."),
    *("[fe80::1]", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]"),
    *("100.100.100.200", "192.0.0.192", "168.63.129.16", "[fd20:ce::254]", "[::a9fe:a9fe]", "[::6464:64c8]"),
    *("[64:ff9b:1::a9fe:a9fe]", "[64:ff9b:1:a9fe:a9:fe00::]", "[64:ff9b:1:0:a9:fea9:fe00:0]"),
    *("[64:ff9b:1:a9:fe:a9fe::]", "[2001:0:0:0:0:0:5601:5601]"),
]
LIST = Networks.parse("10.0.0.0/8,192.168.1.7, fd00::/8")


@pytest.mark.parametrize("host", METADATA)
def test_a_server_is_never_where_a_cloud_hands_out_credentials(host: str) -> None:
    with pytest.raises(InvalidDocumentError, match="/servers/0/url: must not be link-local"):
        read(Side, {"servers": [{"url": f"http://{host}:80"}]})


# As servers are written, and nearly so: both ways of looking at them have to agree.
NUMBERS = st.one_of(st.integers(0, 300).map(str), st.sampled_from(["169", "254", "", "01", "0x7f", "1e2", "١"]))
ADDRESSES = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP"]),
    st.lists(NUMBERS, min_size=1, max_size=5).map(".".join),
    st.one_of(st.integers(0, 70_000).map(":{}".format), st.sampled_from(["", ":", ":080", ":8080\n"])),
    st.sampled_from(["", "/", "/a"]),
)


@given(url=ADDRESSES)
def test_a_server_that_is_written_plainly_is_judged_as_any_other(url: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "_PLAIN_SERVER", re.compile("(?!)"))
        expected = outcome(url)

    assert outcome(url) == expected


def outcome(url: str) -> str:
    try:
        return read(Side, {"servers": [{"url": url}]}).model_dump_json()
    except InvalidDocumentError as error:
        return str(error)


# A name is Traefik's to resolve.
@pytest.mark.parametrize("host", ["10.1.2.3", "192.168.1.7", "[fd00::1]", "[::ffff:10.1.2.3]", "shop", "localhost"])
def test_a_server_may_be_within_the_networks_or_have_a_name(host: str) -> None:
    LIST.check(read(Side, {"servers": [{"url": f"http://{host}:80"}]}))


@pytest.mark.parametrize("host", ["192.168.1.8", "3232235784", "127.0.0.1", "[::1]"])
def test_a_server_outside_of_the_networks_is_refused_by_its_place(host: str) -> None:
    side = read(Side, {"servers": [{"url": "http://10.0.0.1"}, {"url": f"http://{host}:80"}]})
    with pytest.raises(InvalidDocumentError, match=r"^/spec/servers/1/url: must be within the allowed networks"):
        LIST.check(side, pointer="/spec")


def test_every_address_of_a_spec_is_looked_at_and_a_header_is_none() -> None:
    away = "http://192.0.2.1:80"
    check = {"name": "gate", "webhook": {"url": away}}
    stable = {"servers": [{"url": away}], "healthCheck": {"path": "/", "headers": {"url": away}}}
    document = spec(
        stable=stable,
        canary={"servers": [{"url": f"{away}80"}]},
        analysis={"source": {"prometheus": {"url": away}}, "checks": [check]},
    )
    with pytest.raises(InvalidDocumentError) as refused:
        LIST.check(document)

    assert {
        "/stable/servers/0/url",
        "/canary/servers/0/url",
        "/analysis/source/prometheus/url",
        "/analysis/checks/0/webhook/url",
    } == {mistake.pointer for mistake in refused.value.mistakes}


def test_without_a_list_everything_else_is_allowed() -> None:
    Networks().check(read(Spec, spec().model_dump(mode="json", by_alias=True, exclude_none=True)))
    Networks().check(WebhookSpec(url="http://192.0.2.1/x"))


def test_a_list_that_is_none_names_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"not 10\.0\.0\.1/8"):
        Networks.parse("10.0.0.1/8")
