import pytest

from provider.domain.auth import Caller, Permission, Role

MAY = {
    Role.VIEWER: {Permission.READ},
    Role.OPERATOR: {Permission.READ, Permission.OPERATE},
    Role.ADMIN: set(Permission),
    Role.GATEWAY: {Permission.POLL},
    Role.INSTANCE: {Permission.REGISTER},
}


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role)
def test_a_role_permits_what_the_interface_says_and_no_more(role: Role, permission: Permission) -> None:
    assert (permission in MAY[role]) is Caller("me", role).may(permission)
    assert (permission in MAY[role]) is (permission in role.permissions)


def test_roles_are_called_as_in_the_interface() -> None:
    assert [str(role) for role in Role] == ["viewer", "operator", "admin", "gateway", "instance"]
