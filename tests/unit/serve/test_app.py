"""The whole app: its failures have one shape, and its description has an example of everything."""

import json
import logging

import pytest
from fastapi.routing import APIRoute

from anymask.serve.bodies import StrictRoute
from tests.unit.serve.asking import error_of

VERBS = ("get", "post", "put", "delete", "patch")


@pytest.fixture(scope="module")
def described(page):
    """The app's description of itself."""
    answer = page.get("/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def operations(described):
    for path, verbs in described["paths"].items():
        for verb, operation in verbs.items():
            assert verb in VERBS
            yield f"{verb.upper()} {path}", operation


def has_example(media, described):
    """Whether a body has an example, by itself or by its schema."""
    schema = media.get("schema", {})
    named = schema.get("$ref", "").rpartition("/")[2]
    schema = described["components"]["schemas"].get(named, schema)
    return any(key in one for one in (media, schema) for key in ("example", "examples"))


def test_every_body_and_answer_has_an_example(described):
    without = []
    for name, operation in operations(described):
        bodies = {"body": operation.get("requestBody", {}), **operation["responses"]}
        without += [
            f"{name} {what} {kind}"
            for what, body in bodies.items()
            for kind, media in body.get("content", {}).items()
            if not has_example(media, described)
        ]
        assert operation["responses"]["200"]["content"], name
    assert without == []


def test_every_parameter_of_a_path_has_an_example(described):
    without = [
        f"{name} {parameter['name']}"
        for name, operation in operations(described)
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "path"
        and not ("examples" in parameter["schema"] or "examples" in parameter)
    ]
    assert without == []


def test_every_route_says_what_it_does_and_how_it_fails(described):
    for name, operation in operations(described):
        assert operation["description"].strip().endswith("."), name
        assert {"4XX", "5XX"} <= set(operation["responses"]), name
        assert "422" not in operation["responses"], name


def test_the_routes_of_the_core_are_there(described):
    assert {name for name, _ in operations(described)} >= {
        "GET /health",
        "GET /api/server",
        "GET /api/gallery/{id}",
        "GET /api/gallery/{id}/thumbnail",
        "POST /api/pictures",
        "DELETE /api/pictures",
        "DELETE /api/pictures/{id}",
        "GET /api/pictures/{id}/picture.png",
        "POST /api/pictures/{id}/masks",
    }


def test_examples_are_what_the_schemas_say(described, page, cat):
    """The example of the question about masks is asked as it stands."""
    schemas = described["components"]["schemas"]
    (example,) = schemas["MasksAsked"]["examples"]
    answer = page.post(f"/api/pictures/{cat}/masks", json=example)
    assert answer.status_code == 200
    told = answer.json()
    (shown,) = schemas["MasksTold"]["examples"]
    assert told.keys() == shown.keys()
    assert told["masks"][0].keys() == shown["masks"][0].keys()


def test_all_routes_read_json_strictly(page):
    def routes(router):
        for route in router.routes:
            inner = getattr(route, "original_router", None)
            yield from routes(inner) if inner is not None else [route]

    found = [route for route in routes(page.app) if isinstance(route, APIRoute)]
    assert len(found) >= 9
    assert [route.path for route in found if not isinstance(route, StrictRoute)] == []


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/", "/api/server/", "/docs", "/redoc"])
def test_an_unknown_address_is_not_found(page, path):
    assert error_of(page.get(path, follow_redirects=False), 404)["code"] == "not_found"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "BREW"])
def test_an_odd_method_is_refused(page, method):
    assert error_of(page.request(method, "/api/server"), 405)["code"] == "method"


def test_a_failure_of_our_own_is_a_sentence_without_a_trace(page, monkeypatch, caplog):
    def fail(_self):
        raise ZeroDivisionError("/home/me/secret")

    monkeypatch.setattr("anymask.serve.shelf.Shelf.__len__", fail)
    with caplog.at_level(logging.INFO, logger="anymask"):
        answer = page.get("/health")
    assert error_of(answer, 503)["code"] == "model_failed"
    assert "secret" not in answer.text
    assert [record.getMessage() for record in caplog.records] == [
        "a request failed: ZeroDivisionError"
    ]
    assert answer.headers["x-content-type-options"] == "nosniff"
    monkeypatch.undo()
    assert page.get("/health").status_code == 200


def test_nothing_is_left_when_the_server_stops(open_page, photos, model):
    page = open_page()
    page.post("/api/pictures", content=(photos / "coins.png").read_bytes())
    serving = page.app.state.serving
    assert len(serving.shelf) == 1
    page.__exit__(None, None, None)
    assert len(serving.shelf) == 0
    page.__enter__()


def test_the_description_is_plain_json(described):
    assert json.loads(json.dumps(described, allow_nan=False)) == described


def test_a_name_without_end_is_not_repeated(page, cat):
    asked = {"steps": [{"points": [[1, 1]], "labels": [1]}], "n" * 100_000: 1}
    answer = page.post(f"/api/pictures/{cat}/masks", json=asked)
    assert error_of(answer, 422)["message"].startswith("nnnnn")
    assert len(answer.content) < 500
