"""The pages: what people see and press. Rendered here, every one of them whole without JavaScript."""

from provider.web.pages.app import create_pages, with_pages

__all__ = ["create_pages", "with_pages"]
