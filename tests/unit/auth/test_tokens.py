import re
from hashlib import sha256

import pytest

from provider.domain.auth import Caller, Role, StoredToken, TokenTable, fingerprint, new_secret, weakness
from provider.domain.fields import InvalidDocumentError, decode_json, encode, read

SECRET = "tcy_0123456789abcdefghij"


def stored(secret: str, role: Role = Role.VIEWER) -> StoredToken:
    return StoredToken(role=role, sha256=fingerprint(secret))


def test_a_new_secret_is_long_random_and_fit_for_a_header() -> None:
    secrets = {new_secret() for _ in range(100)}

    assert len(secrets) == 100
    assert all(re.fullmatch(r"tcy_[A-Za-z0-9_-]{43}", secret) for secret in secrets)
    assert not any(map(weakness, secrets))


def test_of_a_secret_only_its_sha_256_is_stored() -> None:
    token = stored(SECRET)

    assert sha256(SECRET.encode()).hexdigest() == fingerprint(SECRET) == token.sha256
    assert SECRET not in encode(token)
    assert read(StoredToken, decode_json(encode(token))) == token


@pytest.mark.parametrize(
    "document",
    [
        {"role": "viewer", "sha256": ""},
        {"role": "viewer", "sha256": "A" * 64},
        {"role": "viewer", "sha256": "a" * 63},
        {"role": "viewer", "sha256": "a" * 64 + "\n"},
        {"role": "root", "sha256": "a" * 64},
        {"sha256": "a" * 64},
        {"role": "viewer", "sha256": "a" * 64, "secret": "b"},
    ],
)
def test_what_is_no_stored_token_is_refused(document: object) -> None:
    with pytest.raises(InvalidDocumentError):
        read(StoredToken, document)


def test_a_caller_is_known_by_the_secret() -> None:
    table = TokenTable([("ann", stored("a")), ("ci", stored("b", Role.OPERATOR))])

    assert Caller("ann", Role.VIEWER) == table.caller("a")
    assert Caller("ci", Role.OPERATOR) == table.caller("b")


@pytest.mark.parametrize("secret", ["", "A", "a ", fingerprint("a"), "é", "x" * 10_000])
def test_any_other_secret_is_nobodys(secret: str) -> None:
    assert TokenTable([("ann", stored("a"))]).caller(secret) is None
    assert TokenTable().caller(secret) is None


@pytest.mark.parametrize(
    ("roles", "has_admin"),
    [
        ([], False),
        ([Role.VIEWER, Role.OPERATOR, Role.GATEWAY], False),
        ([Role.ADMIN], True),
        ([Role.VIEWER, Role.ADMIN], True),
    ],
)
def test_somebody_can_make_tokens_only_if_there_is_an_admin(roles: list[Role], has_admin: bool) -> None:
    assert has_admin is TokenTable((role, stored(role, role)) for role in roles).has_admin()


@pytest.mark.parametrize(
    ("secret", "is_strong"),
    [
        ("a" * 20, False),
        ("abcdefgabcdefgabcdefg", False),
        ("changeme" * 3, False),
        ("0123456789" * 2, False),
        ("0123456789abcdef0123", True),
        ("c0ffee12" + "ab" * 20 + "9", True),
        ("correct-horse-battery-staple", True),
        ("a" * 19, False),
        ("", False),
        ("correct horse battery staple", False),
        ("a" * 20 + "\n", False),
        ("é" * 20, False),
        ("\x7f" * 20, False),
    ],
)
def test_a_secret_of_ones_own_is_long_varied_and_fit_for_a_header(secret: str, is_strong: bool) -> None:
    assert is_strong is (not weakness(secret))
