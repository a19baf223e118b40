"""The roles of INTERFACE and what each permits."""

from collections.abc import Mapping
from enum import StrEnum


class Permission(StrEnum):
    """Permission that an endpoint requires."""

    READ = "read"
    OPERATE = "operate"
    ADMINISTER = "administer"
    POLL = "poll"
    REGISTER = "register"


class Role(StrEnum):
    """Role of a token."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    GATEWAY = "gateway"
    INSTANCE = "instance"

    @property
    def permissions(self) -> frozenset[Permission]:
        """All that the role permits."""
        return _PERMISSIONS[self]


_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.OPERATOR: frozenset({Permission.READ, Permission.OPERATE}),
    Role.ADMIN: frozenset(Permission),
    Role.GATEWAY: frozenset({Permission.POLL}),
    Role.INSTANCE: frozenset({Permission.REGISTER}),
}
