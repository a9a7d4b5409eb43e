"""Every refusal is a problem document (RFC 9457) with a code and the request's id; bad input is never a 500."""

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from factories.jobs import JOBS, request_for
from factories.lore import World
from harness.limits import MAX_BODY_BYTES, MAX_IMPORT_BYTES
from harness.operations import document, operations
from harness.server import RunningApp, running_app
from harness.waiting import until
from harness.wire import Api, problem

from lorekeeper.app import Backing
from lorekeeper.contracts import errors
from lorekeeper.contracts.enums import Role
from lorekeeper.settings import Settings

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("path", ["/", "/nowhere", "/assets", "//worlds", "/worlds/a/b"])
def test_an_unknown_path_is_not_found(admin: Api, path: str) -> None:
    admin.refused(404, "not_found", "GET", path)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/worlds", {"GET", "POST"}),
        ("PUT", JOBS, {"GET", "POST"}),
        ("POST", f"{JOBS}/{UUID(int=1)}", {"GET", "PATCH"}),
        ("POST", "/metrics", {"GET"}),
    ],
)
def test_a_method_that_a_path_does_not_have_is_not_allowed(
    admin: Api, method: str, path: str, allowed: set[str]
) -> None:
    answer = admin.ask(method, path)

    problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("nothing", b""),
        ("no JSON", b"{"),
        ("no object", b"[]"),
        ("a string", b'"world"'),
        ("not UTF-8", b'{"name": "\xff\xfe"}'),
        ("a lone surrogate", b'{"name": "\\ud800"}'),
        ("NUL", b'{"name": "a\\u0000b"}'),
        ("NaN", b'{"name": "a", "metadata": {"n": NaN}}'),
        ("infinity", b'{"name": "a", "metadata": {"n": [-Infinity]}}'),
        ("a number too large for a float", b'{"name": "a", "metadata": {"n": 1e999}}'),
        ("an integer too large", b'{"name": "a", "metadata": {"n": 9007199254740992}}'),
        ("an integer of 5,000 digits", b'{"name": "a", "metadata": {"n": ' + b"9" * 5000 + b"}}"),
        ("33 levels", b'{"name": "a", "metadata": {"n": ' + b"[" * 33 + b"]" * 33 + b"}}"),
        ("100,000 levels", b'{"name": "a", "metadata": {"n": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"),
        ("100,000 levels, unclosed", b"[" * 100_000),
        ("an unknown field", b'{"name": "a", "nmae": "b"}'),
        ("a name of spaces", b'{"name": "   "}'),
        ("a name too long", b'{"name": "' + b"a" * 501 + b'"}'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_body_that_cannot_be_is_refused(admin: Api, what: str, content: bytes) -> None:
    answer = admin.ask("POST", "/worlds", content=content, headers=JSON)

    assert answer.status_code in {400, 422}, answer.text
    body = problem(answer, answer.status_code, "validation_failed" if answer.status_code == 422 else "bad_request")
    assert len(answer.content) < 20_000, body


def test_names_each_wrong_field(admin: Api) -> None:
    body = {"world_id": "x", "predicate": "", "confidence": 2}

    told = admin.refused(422, "validation_failed", "POST", "/claims", body)

    assert {"body.world_id", "body.predicate", "body.confidence", "body.subject_entity_id"} <= {
        error["field"] for error in told["errors"]
    }


class TestALargeBody:
    BODY = b'{"name": "a", "description": "' + b"x" * MAX_BODY_BYTES + b'"}'

    def test_is_too_large(self, admin: Api) -> None:
        answer = admin.ask("POST", "/worlds", content=self.BODY, headers=JSON)

        told = problem(answer, 413, "payload_too_large")
        assert str(MAX_BODY_BYTES) in told["detail"]

    def test_is_too_large_when_it_does_not_say_how_large_it_is(self, admin: Api) -> None:
        def pieces() -> Iterator[bytes]:
            yield self.BODY[:1000]
            yield self.BODY[1000:]

        problem(admin.ask("POST", "/worlds", content=pieces(), headers=JSON), 413, "payload_too_large")

    @pytest.mark.parametrize("path", ["/sources", f"/sources/{UUID(int=1)}/chunks", "/worlds/import"])
    def test_is_taken_where_whole_texts_come_in_and_there_has_another_limit(self, admin: Api, path: str) -> None:
        def sent(size: int) -> httpx.Response:
            return admin.ask("POST", path, content=b"[" + b" " * size + b"]", headers=JSON)

        assert sent(MAX_BODY_BYTES).status_code == 422
        problem(sent(MAX_IMPORT_BYTES), 413, "payload_too_large")

    def test_of_a_whole_book_is_read(self, world: World) -> None:
        text = "\n\n".join("word " * 100 for _ in range(2 * MAX_BODY_BYTES // 500))

        assert world.source(text=text)["chunk_count"] > 100


class TestTheRequestId:
    @pytest.mark.parametrize("given", ["abc", "A-1.b_2", "x" * 64])
    def test_of_the_caller_is_kept(self, admin: Api, given: str) -> None:
        answer = admin.ask("GET", "/nowhere", headers={"X-Request-Id": given})

        assert answer.headers["x-request-id"] == answer.json()["request_id"] == given

    @pytest.mark.parametrize("given", ["", "two words", "x" * 65, "a\tb", "<script>"])
    def test_that_is_not_harmless_is_replaced(self, admin: Api, given: str) -> None:
        answer = admin.ask("GET", "/nowhere", headers={"X-Request-Id": given})

        assert answer.headers["x-request-id"] == answer.json()["request_id"] != given

    def test_is_a_fresh_one_otherwise(self, admin: Api) -> None:
        assert len({admin.ask("GET", "/health/live").headers["x-request-id"] for _ in range(3)}) == 3

    def test_is_once_in_every_answer(self, app: RunningApp, admin: Api, world: World) -> None:
        for answer in (
            admin.ask("GET", "/worlds"),
            admin.ask("POST", JOBS, json=request_for(world)),
            admin.ask("DELETE", "/worlds"),
            app.as_anyone().ask("GET", "/worlds"),
            admin.ask("GET", "/metrics"),
            admin.ask("GET", "/docs"),
        ):
            assert len(answer.headers.get_list("x-request-id")) == 1


class TestTheDocument:
    def test_declares_what_each_operation_may_be_refused_with(self) -> None:
        for operation in operations():
            told = document()["paths"][operation.path][operation.method.lower()]["responses"]
            if operation.needs_key:
                assert {"401", "403", "404", "413", "422", "503"} <= set(told), operation.name
            for status, response in told.items():
                if int(status) >= 400 and operation.needs_key:
                    (content,) = response["content"]
                    assert content == "application/problem+json", operation.name

    def test_describes_the_problem(self) -> None:
        described = document()["components"]["schemas"]["Problem"]

        assert set(described["required"]) >= {"type", "title", "status", "detail", "code"}
        assert set(described["properties"]) == set(errors.Problem.model_fields)

    def test_is_served(self, app: RunningApp) -> None:
        nobody = app.as_anyone()

        assert nobody.get("/openapi.json") == document()
        assert "LoreKeeper" in nobody.ask("GET", "/docs").text


def test_a_request_that_a_stopping_server_breaks_off_is_told_so(settings: Settings, backing: Backing) -> None:
    """Its body does not come to an end, so that it outlasts the server's grace."""
    with running_app(settings, backing) as stopping:
        key = stopping.as_new_key(Role.EDITOR).key
        url = urlsplit(stopping.url)
        connection = socket.create_connection((str(url.hostname), url.port or 0), timeout=20)
        head = f"POST /worlds HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
        until(lambda: "lorekeeper_http_requests_in_flight 2.0" in stopping.as_anyone().ask("GET", "/metrics").text)
    with connection:
        answer = connection.recv(65_536).decode()

    assert answer.startswith("HTTP/1.1 503 ")
    assert "\r\nretry-after: " in answer.lower()
    assert json.loads(answer.partition("\r\n\r\n")[2])["code"] == "server_stopping"
