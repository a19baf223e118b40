"""The REST API under /api/v1, described by OpenAPI, with problem details by RFC 9457."""

from provider.web.api.app import ENDPOINTS, create_app

__all__ = ["ENDPOINTS", "create_app"]
