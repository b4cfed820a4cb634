"""The service: photographs in by HTTP, the answers of the command line out."""

from crackwise.errors import needs_extra

with needs_extra("serve"):
    from crackwise.serve.app import create_app

from crackwise.serve.settings import Settings

__all__ = ["Settings", "create_app"]
