"""Where servers are looked for, as a line of a form."""

import pytest

from provider.web.pages.side_lines import discover_of, line_of

LINES = [
    ("registered v2", {"registered": "v2"}),
    ("dns shop-v2:8080", {"dns": {"name": "shop-v2", "port": 8080}}),
    ("dns shop-v2:8080 AAAA", {"dns": {"name": "shop-v2", "port": 8080, "type": "AAAA"}}),
    ("dns _http._tcp.shop.internal SRV", {"dns": {"name": "_http._tcp.shop.internal", "type": "SRV"}}),
    (
        "dns shop:80 scheme h2c resolver [fd00::53]:5353",
        {"dns": {"name": "shop", "port": 80, "scheme": "h2c", "resolver": "[fd00::53]:5353"}},
    ),
]


@pytest.mark.parametrize(("line", "discover"), LINES)
def test_a_line_is_read_and_written_as_the_same(line: str, discover: dict[str, object]) -> None:
    assert discover_of(line) == discover
    assert line_of(discover) == line


@pytest.mark.parametrize("line", ["dns", "dns a:b", "dns a:80 MX", "registered", "registered a b", "dns a:80 b"])
def test_a_line_that_says_nothing_is_refused_with_examples(line: str) -> None:
    with pytest.raises(ValueError, match="must be such as `dns shop-v2:8080`"):
        discover_of(line)
