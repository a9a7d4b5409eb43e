"""Whatever is too much is refused with a problem document: never a 5xx, never a wait without end."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from factories.editing import PIECES
from factories.jobs import JOBS, request_for
from factories.lore import World
from harness import shapes
from harness.limits import MAX_BODY_BYTES, MAX_IMPORT_BYTES
from harness.operations import Operation, operations
from harness.server import RunningApp
from harness.shapes import Field, Schema
from harness.wire import PROBLEM, Api, problem

from lorekeeper.contracts.json_text import MAX_NAMES
from lorekeeper.kit.middleware import MAX_HEADER_BYTES, MAX_URI_BYTES
from lorekeeper.kit.pagination import encode_cursor
from lorekeeper.kit.protocol import MOST_BEFORE_BODY

JSON = {"Content-Type": "application/json"}
WITH_BODY = [operation for operation in operations() if operation.has_body]
LISTS = [
    operation for operation in operations() if any(field.path == ("cursor",) for field in shapes.fields(operation))
]
NOBODYS = str(uuid4())


def some_id(name: str) -> str:
    return NOBODYS


def body_of(field: Field, value: Any) -> Any:
    return shapes.with_value(shapes.body_for(field.operation, some_id), field, value, some_id)


def described() -> Iterator[tuple[str, Schema]]:
    """Every field of every request, and of what free JSON is checked by."""
    for field in shapes.all_fields():
        yield str(field), field.schema
        for model in _looks_like(field):
            for name, schema in shapes.resolved(model).get("properties", {}).items():
                yield f"{field}.{name}", shapes.resolved(schema)


def _looks_like(field: Field) -> list[Schema]:
    given: Schema = shapes.body_schema(field.operation) or {}
    if field.where != "body" or field.schema.get("type") != "object" or len(field.path) != 1:
        return []
    return [one for one in given["properties"][field.name].get("anyOf", ()) if one.get("type") != "null"]


def is_bounded(schema: Schema) -> bool:
    if "enum" in schema or "const" in schema:
        return True
    match schema.get("type"):
        case "array":
            return "maxItems" in schema
        case "string":
            pattern = schema.get("pattern", "*")
            return (
                "maxLength" in schema
                or schema.get("format") in {"uuid", "date-time"}
                or not ({"*", "+"} & set(pattern.replace("[A-Za-z0-9._-]", "").replace("[a-z0-9.+-]", "")))
            )
        case "integer":
            low, high = {"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}
            return bool(low & set(schema)) and bool(high & set(schema))
        case "number" | "boolean" | "object":
            return True  # a double ends by itself; an object is bounded by its fields, and free JSON by the body
        case _:
            return False


def test_every_field_that_is_sent_has_an_end() -> None:
    """Lists by `maxItems`, texts by `maxLength`, a format or a pattern that ends, integers by bounds."""
    fields = list(described())

    assert [name for name, schema in fields if not is_bounded(schema)] == []
    assert len(fields) > 150, "else they were not found"


TOO_LONG = [
    field
    for field in shapes.all_fields()
    if "maxItems" in field.schema or "maxLength" in field.schema or "maximum" in field.schema
]


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.name)
def test_one_more_than_the_most_is_refused(admin: Api, operation: Operation) -> None:
    """One more item, one more letter, one more than the number: each field by itself, all else being right."""
    for field in TOO_LONG:
        if field.operation == operation:
            answer = _sent(admin, field, _one_more(field.schema))
            problem(answer, answer.status_code, _code(answer))
            assert answer.status_code in {413, 414, 422}, (str(field), answer.text[:500])
            if answer.status_code == 422:
                errors = answer.json()["errors"]
                assert any(field.name in error["field"] for error in errors), (str(field), errors)


def _one_more(schema: Schema) -> Any:
    if "maxItems" in schema:
        item = shapes.resolved(schema["items"])
        return [shapes.sample("provider", item, some_id) if item.get("type") == "string" else 0] * (
            schema["maxItems"] + 1
        )
    if "maxLength" in schema:
        return "a" * min(schema["maxLength"] + 1, 2 * MAX_IMPORT_BYTES)
    return schema["maximum"] + 1


def _sent(api: Api, field: Field, value: Any) -> httpx.Response:
    operation = field.operation
    if field.where == "body":
        return operation.send(api, NOBODYS, body=body_of(field, value))
    body, query = shapes.body_for(operation, some_id), shapes.query_for(operation)
    if field.where == "query":
        return operation.send(api, NOBODYS, body=body, params=query | {field.name: value})
    if field.where == "path":
        return api.ask(operation.method, operation.at(NOBODYS, **{field.name: str(value)}), json=body)
    return operation.send(api, NOBODYS, body=body, params=query, extra={field.name: value})


def _code(answer: httpx.Response) -> str:
    return {413: "payload_too_large", 414: "uri_too_long", 422: "validation_failed"}.get(answer.status_code, "")


HUGE = {
    "a number of a million digits": b"9" * 1_000_000,
    "a negative one": b"-" + b"9" * 1_000_000,
    "a number beyond a double": b"1e999999",
    "a fraction of a million digits": b"0." + b"1" * 1_000_000,
    "infinity": b"Infinity",
    "nothing that is a number": b"NaN",
}


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.name)
class TestABody:
    def test_in_which_a_name_stands_twice_is_refused(self, admin: Api, operation: Operation) -> None:
        """I-JSON (RFC 7493): else one reader takes the first, the next one the last."""
        text = json.dumps(shapes.body_for(operation, some_id))
        name = json.loads(text).popitem()[0] if text != "{}" else "x"
        doubled = f'{text[:-1]}, "{name}": 1}}' if text != "{}" else '{"x": 1, "x": 1}'

        answer = operation.send(admin, NOBODYS, content=doubled.encode())

        assert name in problem(answer, 400, "bad_request")["detail"]

    @pytest.mark.parametrize("what", HUGE)
    def test_of_a_huge_number_is_refused(self, admin: Api, operation: Operation, what: str) -> None:
        """In a field of its own, and instead of each number that is taken."""
        numbers = [
            field
            for field in shapes.fields(operation)
            if field.where == "body" and field.schema.get("type") in {"integer", "number"}
        ]
        bodies = [b'{"n": ' + HUGE[what] + b"}"]
        bodies += [json.dumps(body_of(field, "?")).encode().replace(b'"?"', HUGE[what]) for field in numbers]
        for content in bodies:
            answer = operation.send(admin, NOBODYS, content=content)
            if what.startswith("a fraction") and content in bodies[1:] and answer.status_code == 404:
                continue  # a number like any other, only written at length; what it is sent to does not exist
            assert answer.status_code in {400, 413, 422}, answer.text[:500]
            assert answer.headers["content-type"] == PROBLEM

    @pytest.mark.parametrize("letter", [b"[", b'{"a":'])
    def test_that_is_nested_without_end_is_refused(self, admin: Api, operation: Operation, letter: bytes) -> None:
        answer = operation.send(admin, NOBODYS, content=letter * (1_000_000 // len(letter)))

        assert answer.status_code in {400, 413}
        assert answer.headers["content-type"] == PROBLEM

    def test_that_is_too_large_by_its_own_account_is_not_waited_for(
        self, app: RunningApp, admin: Api, operation: Operation
    ) -> None:
        """The answer comes though not one byte of the body does."""
        path = operation.at(NOBODYS)
        for length in (MAX_IMPORT_BYTES + 1, 10**13, 10**19):
            head = f"{operation.method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin.key}\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            status, body = by_hand(app, head.encode())
            assert status == 413 or (status == 400 and length == 10**19), "beyond 2^64 httptools refuses by itself"
            assert status == 400 or json.loads(body)["code"] == "payload_too_large"

    def test_that_is_too_large_and_does_not_say_so_is_not_read_to_its_end(
        self, admin: Api, operation: Operation
    ) -> None:
        sent = 0

        def without_end() -> Iterator[bytes]:
            nonlocal sent
            yield b'{"a": "'
            while sent < 100 * MAX_IMPORT_BYTES:
                sent += 16_384
                yield b"x" * 16_384

        answer = operation.send(admin, NOBODYS, content=without_end())

        problem(answer, 413, "payload_too_large")


def by_hand(app: RunningApp, data: bytes) -> tuple[int, bytes]:
    """What comes back for these very bytes."""
    url = urlsplit(app.url)
    with socket.create_connection((str(url.hostname), url.port or 0), timeout=20) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # it may be refused before all of it is sent
            connection.sendall(data)
        answer = _answer_on(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def _answer_on(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < _length(data):
        more = connection.recv(65_536)
        if not more:
            break
        data += more
    return data


def _length(answer: bytes) -> int:
    lines = answer.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    return next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{" + ",".join(f'"{n:x}":1' for n in range(MAX_NAMES)) + "}", 422),
        ("{" + ",".join(f'"{n:x}":1' for n in range(100_000)) + "}", 400),
        ("{" + ",".join(f'"{n:x}":1' for n in range(MAX_NAMES - 2)) + ',"last":1,"last":1}', 400),
        ('{"sources":[{"chunks":[' + "1," * 90_000 + "1]}" + ',{"chunks":[1]}' * 40_000 + "]}", 422),
        ('{"claims":[' + "1," * 400_000 + "1]}", 422),
    ],
    ids=["names", "too many names", "the last name twice", "chunks that are none", "claims that are none"],
)
def test_a_body_with_very_many_mistakes_is_refused_at_once(admin: Api, body: str, status: int) -> None:
    """Not one after the other: for as long as they are listed, the server answers nobody."""
    began = time.perf_counter()
    answer = admin.ask("POST", "/worlds/import", content=body.encode(), headers=JSON)

    assert answer.status_code == status
    assert len(answer.json().get("errors", ())) <= 50
    assert time.perf_counter() - began < 2


class TestThePathAndTheQuery:
    def test_have_a_greatest_length(self, admin: Api) -> None:
        just = "x" * (MAX_URI_BYTES - len("/worldsname="))

        admin.refused(422, "validation_failed", "GET", f"/worlds?name={just}")
        admin.refused(414, "uri_too_long", "GET", f"/worlds?name={just}x")
        admin.refused(414, "uri_too_long", "GET", "/" + "x" * MAX_URI_BYTES)

    def test_may_have_no_end_and_are_refused_all_the_same(self, app: RunningApp, admin: Api) -> None:
        for size in (70_000, 500_000, 20 * MOST_BEFORE_BODY):
            status, body = by_hand(app, b"GET /worlds?name=" + b"x" * size + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            assert status in {414, 431}
            assert json.loads(body)["code"] in {"uri_too_long", "headers_too_large"}

    @pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)
    def test_may_hold_any_number_of_parameters_that_fits(self, admin: Api, operation: Operation, world: World) -> None:
        most = MAX_URI_BYTES // len("a=1&") - 50
        for name, status in (("a", {200, 404}), ("limit", {200, 404}), ("cursor", {422})):
            answer = operation.send(admin, NOBODYS, params=[(name, "1")] * (most // len(name)))
            assert answer.status_code in status, answer.text[:500]
        problem(operation.send(admin, NOBODYS, params=[("a", "1")] * (most + 200)), 414, "uri_too_long")

    @pytest.mark.parametrize("value", ["9" * 10_000, "-1", "1e400", "1e5", "NaN", "0x10", "1_0", "\u0661"])
    def test_take_no_number_beyond_the_bounds(self, admin: Api, value: str) -> None:
        for name in ("skip", "limit"):
            if value not in {"1_0", "\u0661"}:
                admin.refused(422, "validation_failed", "GET", "/worlds", params={name: value})
            assert admin.ask("GET", "/worlds", params={name: value}).status_code in {200, 422}


class TestHeaders:
    def test_have_a_greatest_size(self, admin: Api) -> None:
        assert admin.ask("GET", "/worlds", headers={"X-A": "x" * (MAX_HEADER_BYTES - 1000)}).status_code == 200
        admin.refused(431, "headers_too_large", "GET", "/worlds", headers={"X-A": "x" * MAX_HEADER_BYTES})
        many = {f"X-{number}": "x" for number in range(MAX_HEADER_BYTES // 4)}
        admin.refused(431, "headers_too_large", "GET", "/worlds", headers=many)

    @pytest.mark.parametrize("line", [b"X-A: " + b"x" * 65_536, b"X-A: 1\r\n" * 8_192], ids=["one", "many"])
    def test_may_have_no_end_and_are_refused_all_the_same(self, app: RunningApp, line: bytes) -> None:
        """The server stops reading: it does not gather them for as long as they come."""
        endless = line[5:] if b"\r\n" not in line else line
        data = b"GET /worlds HTTP/1.1\r\nHost: x\r\n" + line + endless * (20 * MOST_BEFORE_BODY // len(line))

        status, body = by_hand(app, data)

        assert status == 431
        assert json.loads(body)["code"] == "headers_too_large"

    @pytest.mark.parametrize("trailer", [b"X-A: " + b"x" * 65_536, b"X-A: 1\r\n" * 8_192], ids=["one", "many"])
    def test_after_a_body_have_an_end_too(self, app: RunningApp, trailer: bytes) -> None:
        endless = trailer[5:] if b"\r\n" not in trailer else trailer
        head = b"POST /worlds HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + trailer
        url = urlsplit(app.url)
        with (
            socket.create_connection((str(url.hostname), url.port or 0), timeout=20) as connection,
            pytest.raises((BrokenPipeError, ConnectionResetError)),
        ):
            connection.sendall(head)
            for _ in range(100 * MOST_BEFORE_BODY // len(endless)):
                connection.sendall(endless)

    def test_after_a_body_are_no_headers(self, app: RunningApp, admin: Api) -> None:
        key = f"Authorization: {admin.headers['Authorization']}\r\n".encode()
        head = b"POST /worlds HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"

        assert by_hand(app, head + key + b"\r\n")[0] == 401

    def test_leave_the_connection_good_for_a_large_body_in_between(self, app: RunningApp, admin: Api) -> None:
        """The limit is on what stands before a body, on a connection that has seen many."""
        text = "word " * (MAX_BODY_BYTES // 5)
        for _ in range(6):
            body = {"world_id": NOBODYS, "title": "t", "text": text}
            admin.refused(404, "world_not_found", "POST", "/sources", body)
        assert admin.ask("GET", "/worlds").status_code == 200

    @pytest.mark.parametrize("key", ["", "x" * 256, "a b", "\u00e9", "a\u007f"])
    def test_of_an_idempotency_key_hold_what_the_body_may(self, world: World, key: str) -> None:
        answer = world.api.ask("POST", JOBS, json=request_for(world), headers={b"Idempotency-Key": key.encode()})

        problem(answer, answer.status_code, "bad_request" if key.endswith("\u007f") else "validation_failed")


class TestACursor:
    @pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)
    def test_at_either_end_of_all_ids_is_a_page_like_any_other(
        self, admin: Api, world: World, operation: Operation
    ) -> None:
        there = PIECES[operation.kind].make(world)["id"] if operation.kind else NOBODYS
        for place in (UUID(int=0), UUID(int=2**128 - 1), uuid4()):
            page = operation.send(admin, there, params={"cursor": encode_cursor(place), "limit": 1})
            assert page.status_code == 200
            assert len(page.json()["items"]) <= 1

    @pytest.mark.parametrize(
        "cursor", ["x", "x" * 21, "x" * 23, "x" * 10_000, "=" * 22, "\u0661" * 22, "x" * 21 + "\n"]
    )
    def test_that_is_none_is_refused(self, admin: Api, cursor: str) -> None:
        for operation in LISTS:
            if "{" not in operation.path:
                admin.refused(422, "validation_failed", "GET", operation.path, params={"cursor": cursor})

    def test_far_away_is_no_further_than_skip_may_go(self, admin: Api) -> None:
        assert admin.get("/worlds", skip=1_000_000)["items"] == []
        admin.refused(422, "validation_failed", "GET", "/worlds", params={"skip": 1_000_001})


class TestIdsOfAJob:
    @pytest.mark.parametrize("field", ["claim_ids", "entity_ids", "source_chunk_ids", "asset_ids"])
    def test_are_a_thousand_of_a_kind(self, world: World, field: str) -> None:
        """A thousand that do not exist are looked for, and named; one more is refused as it stands."""
        wanted = [str(uuid4()) for _ in range(1000)]

        told = world.api.refused(
            404, "reference_not_found", "POST", JOBS, request_for(world, references={field: wanted})
        )
        assert set(told["missing"][field]) == set(wanted)
        world.api.refused(
            422, "validation_failed", "POST", JOBS, request_for(world, references={field: [*wanted, NOBODYS]})
        )

    def test_may_be_as_many_of_each_kind_at_once(self, world: World) -> None:
        kinds = ("claim_ids", "entity_ids", "source_chunk_ids", "asset_ids")
        references = {kind: [str(uuid4()) for _ in range(1000)] for kind in kinds}

        told = world.api.refused(404, "reference_not_found", "POST", JOBS, request_for(world, references=references))

        assert {kind: len(missing) for kind, missing in told["missing"].items()} == dict.fromkeys(kinds, 1000)
