import pytest

from provider.domain.auth import Caller, Role
from provider.replica import Feed
from provider.services import Call, ExistsError, NotFoundError, Operations, StaleVersionError
from provider.services.tokens import FIRST_ADMIN
from provider.store import Key, Kind, MemoryStore, Request, StoreUnavailableError
from tests.unit.services.conftest import Race, overwrite
from tests.world import ME, World

CHOSEN = "a-secret-that-was-chosen"


def caller(world: World, secret: str) -> Caller | None:
    world.caught_up()
    return world.feed.caller(secret)


@pytest.mark.parametrize("role", Role)
def test_a_token_calls_with_its_role(world: World, role: Role) -> None:
    secret = world.operations.tokens.create("ci", role, ME)

    assert Caller("ci", role) == caller(world, secret)
    assert caller(world, f"{secret}x") is None


def test_a_secret_is_made_new_each_time_and_never_stored(world: World) -> None:
    secrets = [world.operations.tokens.create(name, Role.VIEWER, ME) for name in ("a", "b")]
    stored = [stored.text for stored in world.store.load().documents.values()]

    assert secrets[0] != secrets[1]
    assert not any(secret in text for secret in secrets for text in stored)


def test_a_name_is_taken_once(world: World) -> None:
    secret = world.operations.tokens.create("ci", Role.VIEWER, ME)

    with pytest.raises(ExistsError):
        world.operations.tokens.create("ci", Role.ADMIN, ME)
    assert Caller("ci", Role.VIEWER) == caller(world, secret)


def test_a_repeated_request_is_not_given_a_secret_that_opens_nothing(world: World) -> None:
    call = Call("ann", request=Request("one", "fingerprint"))
    secret = world.operations.tokens.create("ci", Role.VIEWER, call)

    with pytest.raises(ExistsError):
        world.operations.tokens.create("ci", Role.VIEWER, call)
    assert caller(world, secret)


def test_a_revoked_token_is_worthless(world: World) -> None:
    secret = world.operations.tokens.create("ci", Role.VIEWER, ME)
    world.operations.tokens.revoke("ci", ME)

    assert caller(world, secret) is None
    with pytest.raises(NotFoundError, match="there is no token ci"):
        world.operations.tokens.revoke("ci", ME)


def test_a_token_is_revoked_only_as_it_was_seen(world: World) -> None:
    world.operations.tokens.create("ci", Role.VIEWER, ME)

    with pytest.raises(StaleVersionError):
        world.operations.tokens.revoke("ci", Call("ann", if_match=9))
    world.operations.tokens.revoke("ci", Call("ann", if_match=1))
    assert world.operations.tokens.views() == []


def test_tokens_are_listed_by_name_with_what_may_be_shown(world: World) -> None:
    for name, role in (("b", Role.GATEWAY), ("a", Role.ADMIN)):
        world.operations.tokens.create(name, role, ME)
    views = world.operations.tokens.views()

    assert [(view.name, view.role, view.version) for view in views] == [("a", Role.ADMIN, 2), ("b", Role.GATEWAY, 1)]


def test_a_damaged_token_is_not_listed_and_hides_no_other(world: World) -> None:
    overwrite(world.store, Kind.TOKEN, "broken")
    world.operations.tokens.create("ci", Role.VIEWER, ME)

    assert [view.name for view in world.operations.tokens.views()] == ["ci"]
    world.operations.tokens.revoke("broken", ME)
    assert world.store.read(Key(Kind.TOKEN, "broken"))[0] is None


def test_the_first_admin_is_made_once(world: World) -> None:
    secret = world.operations.tokens.ensure_admin()

    assert secret
    assert Caller(FIRST_ADMIN, Role.ADMIN) == caller(world, secret)
    assert world.operations.tokens.ensure_admin() is None


def test_no_admin_is_made_where_another_is(world: World) -> None:
    world.operations.tokens.create("boss", Role.ADMIN, ME)

    assert world.operations.tokens.ensure_admin() is None
    assert [view.name for view in world.operations.tokens.views()] == ["boss"]


def test_of_two_workers_that_start_one_makes_the_first_admin(race: Race) -> None:
    race.operations.feed.close()
    race.store.interrupt = lambda: race.operations.tokens.create(FIRST_ADMIN, Role.ADMIN, ME)

    assert race.operations.tokens.ensure_admin() is None


def test_an_admin_comes_back_after_the_last_one_was_revoked(world: World) -> None:
    world.operations.tokens.ensure_admin()
    world.operations.tokens.revoke(FIRST_ADMIN, ME)

    assert world.operations.tokens.ensure_admin()


def test_a_preset_secret_is_the_first_admins_whatever_it_was(world: World) -> None:
    earlier = world.operations.tokens.create(FIRST_ADMIN, Role.VIEWER, ME)
    world.operations.tokens.preset(CHOSEN)

    assert Caller(FIRST_ADMIN, Role.ADMIN) == caller(world, CHOSEN)
    assert caller(world, earlier) is None


def test_a_preset_secret_mends_a_damaged_token_and_is_written_once(world: World) -> None:
    overwrite(world.store, Kind.TOKEN, FIRST_ADMIN)
    for _ in range(3):
        world.operations.tokens.preset(CHOSEN)

    assert world.store.revision()[1] == 2
    assert caller(world, CHOSEN)
    assert world.operations.tokens.ensure_admin() is None


def test_a_token_that_is_not_known_is_not_refused_while_the_store_takes_no_writes(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = world.operations.tokens.create("ci", Role.VIEWER, ME)
    monkeypatch.setattr(world.store, "write_problem", lambda: "Redis is a read-only replica", raising=True)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match="replica"):
            world.operations.tokens.caller("chosen-but-not-stored")

    assert Caller("ci", Role.VIEWER) == world.operations.tokens.caller(secret)
    assert world.operations.writability.problem == "Redis is a read-only replica"
    assert caplog.messages.count("store.not_writable") == 1


def test_a_token_that_is_not_known_is_not_refused_before_anything_is_loaded(world: World) -> None:
    with pytest.raises(StoreUnavailableError):
        world.operations.tokens.caller("chosen-but-not-stored")


def test_a_token_is_not_refused_by_a_worker_that_lags_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provider.services.documents._CATCH_UP_SECONDS", 0.0)
    world.operations.tokens.create("first", Role.VIEWER, ME)
    world.caught_up()
    world.feed.close()
    secret = Operations(world.store, world.feed).tokens.create("elsewhere", Role.ADMIN, ME)

    with pytest.raises(StoreUnavailableError, match="latest changes"):
        world.operations.tokens.caller(secret)


def test_a_trusted_secret_may_restore_only_while_nothing_is_loaded(world: World) -> None:
    feed = Feed(MemoryStore())
    tokens = Operations(MemoryStore(), feed).tokens
    tokens.trust("the secret of the first admin")
    known = world.operations.tokens
    known.trust("the secret of the first admin")
    world.operations.tokens.create("ci", Role.VIEWER, ME)
    world.caught_up()

    assert tokens.restorer("the secret of the first admin") == Caller("admin", Role.ADMIN)
    assert known.restorer("the secret of the first admin") is None
    with pytest.raises(StoreUnavailableError):
        tokens.caller("the secret of the first admin")
