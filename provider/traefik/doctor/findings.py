"""What a look has found: how bad it is, in one sentence, and what to change."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """Something does not work, or is not what it seems."""
    WARNING = "warning"
    """It works, and slower or at a risk that can be had without."""
    UNKNOWN = "unknown"
    """It could not be seen."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found. `check` names it for machines; `change` is YAML, or a command."""

    check: str
    severity: Severity
    detail: str
    change: str = ""

    @property
    def is_bad(self) -> bool:
        """Tell whether something is to be changed."""
        return self.severity is not Severity.UNKNOWN
