"""How a receiver knows that a message is from here, and is not an old one sent again."""

import hashlib
import hmac


def sign(body: bytes, *, secret: str, unix_seconds: int) -> str:
    """Give the header `X-Canary-Signature`: the time, and HMAC-SHA256 over `TIME.BODY` as hex digits."""
    signed = f"{unix_seconds}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={unix_seconds},v1={digest}"
