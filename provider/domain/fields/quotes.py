"""What a message quotes of the values that it is about. Pure."""

from reprlib import Repr

_LONGEST = 100
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = _LONGEST
_SHORT.maxlist = _SHORT.maxdict = 10


def quoted(value: object) -> str:
    """Return a value as Python writes it, cut to 100 characters: a message is no copy of what was sent."""
    text = _SHORT.repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
