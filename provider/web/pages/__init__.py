"""The pages: what people see and press. Rendered here, every one of them whole without JavaScript."""

from provider.web.pages.app import create_pages, with_pages
from provider.web.throttle import throttled

__all__ = ["create_pages", "throttled", "with_pages"]
