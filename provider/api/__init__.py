"""REST under /api/v1, described by OpenAPI, with problems as RFC 9457 has them."""

from provider.api.app import ENDPOINTS, create_app

__all__ = ["ENDPOINTS", "create_app"]
