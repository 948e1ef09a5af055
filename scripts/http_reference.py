"""What docs/reference/http.md prints: every address of the page's server, from its OpenAPI.

Cog calls `http_addresses` from the page (`make docs-cli`).
"""

import json
from typing import Any, cast

from anymask.serve.app import make_app
from anymask.serve.settings import ServeSettings


def http_addresses() -> str:
    """Give every method and address with what it takes and gives, in Markdown."""
    described = _described()
    parts = []
    for address, methods in described["paths"].items():
        for method, told in methods.items():
            parts.append(f"\n## `{method.upper()} {address}`\n\n{_operation(told, described)}")
    return "".join(parts) + "\n"


def _operation(told: dict, described: dict) -> str:
    parts = [f"{told.get('description', told.get('summary', '')).strip()}\n"]
    rows = [
        f"| `{one['name']}` | {one['in']} | {one.get('description', '')} |"
        for one in told.get("parameters", [])
    ]
    if rows:
        parts.append(
            "\n".join(["| parameter | in | meaning |", "| --- | --- | --- |", *rows]) + "\n"
        )
    body = told.get("requestBody", {}).get("content", {})
    for kind, content in body.items():
        parts.append(_shown(f"Takes `{kind}`", kind, content, described))
    answers = {status: one for status, one in told["responses"].items() if status < "3"}
    for answer in answers.values():
        for kind, content in answer.get("content", {}).items():
            parts.append(_shown(f"Gives `{kind}`", kind, content, described))
    return "\n".join(parts)


def _shown(head: str, kind: str, content: dict, described: dict) -> str:
    """Give an example of what travels, where there is one that text can show."""
    example = _example(content, described)
    is_text = "json" in kind or kind.startswith("text/")
    if example is None or not is_text:
        return f"{head}.\n"
    text = example if isinstance(example, str) else json.dumps(example, indent=1)
    return f"{head}:\n\n```text\n{text.rstrip()}\n```\n"


def _example(content: dict, described: dict) -> Any:  # noqa: ANN401 - whatever travels
    if "example" in content:
        return content["example"]
    for one in content.get("examples", {}).values():
        return one["value"]
    schema = content.get("schema", {})
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return next(iter(schema.get("examples", [])), schema.get("example"))


def error_codes() -> str:
    """Give the one form that every failure has."""
    failed = _example({"schema": {"$ref": "#/components/schemas/Failed"}}, _described())
    return f"\n```json\n{json.dumps(failed, indent=1)}\n```\n\n"


def _described() -> dict:
    return make_app(cast("Any", None), ServeSettings()).openapi()
