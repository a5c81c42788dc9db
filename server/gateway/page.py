"""The OpenAPI document as a page for people, without a script and without anything from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}code{font-size:90%}dt{margin-top:.5em}"
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Content-Security-Policy of the page: it has a style and nothing else."""


def page(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document: each path and method with what it takes and answers."""
    operations = "".join(
        _operation(
            method.upper(), path, [*described.get("parameters", []), *operation.get("parameters", [])], operation
        )
        for path, described in document["paths"].items()
        for method, operation in described.items()
        if method != "parameters"
    )
    title = escape(document["info"]["title"])
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
        f"<h1>{title} {escape(document['info']['version'])}</h1><p>Every request below needs the header "
        "<code>Authorization: Bearer TOKEN</code>. For programs: <a href=openapi.json>openapi.json</a>.</p>"
        f"{operations}</html>"
    )


def _operation(method: str, path: str, parameters: list[dict[str, Any]], operation: dict[str, Any]) -> str:
    taken = [(parameter["name"], parameter["description"]) for parameter in parameters]
    bodies = [("body", kind) for kind in operation.get("requestBody", {}).get("content", {})]
    answered = [(code, answer["description"]) for code, answer in operation["responses"].items()]
    rows = "".join(f"<dt><code>{escape(a)}</code><dd>{escape(b)}" for a, b in [*taken, *bodies, *answered])
    return f"<h2><code>{method} {escape(path)}</code></h2><p>{escape(operation['summary'])}.</p><dl>{rows}</dl>"
