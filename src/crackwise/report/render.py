"""Templates filled in: what a page of any kind needs, and the frame they share."""

from __future__ import annotations

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined, Template

__all__ = ["template_of"]


def template_of(package: str, name: str) -> Template:
    """A template that lies in a package; it finds ``report/frame.html``, the frame of the lab's pages, beside its own.

    Everything is escaped, and a name that is not given is an error.
    """
    loader = ChoiceLoader(
        [PackageLoader(package, "."), PrefixLoader({"report": PackageLoader("crackwise.report", ".")})]
    )
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(name)
