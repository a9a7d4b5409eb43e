"""Talking to the running app as any client does: over HTTP, with a key."""

import re
import ssl
from typing import Any

import httpx

PROBLEM = "application/problem+json"
SECONDS = 30.0
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # else each client reads the machine's certificates anew


class Api:
    """One key's view of the server. What every answer must be is checked on every answer."""

    def __init__(self, url: str, key: str | None) -> None:
        self.url = url
        self.key = key
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx.Client(base_url=url, headers=self.headers, timeout=SECONDS, trust_env=False, verify=_NO_TLS)

    @property
    def key_id(self) -> str:
        assert self.key is not None
        return self.key.split("_")[1]

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        answer = self.client.request(method, path, **request)
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answer.headers["x-request-id"])
        return answer

    def get(self, path: str, **params: Any) -> Any:
        return _good(self.ask("GET", path, params=_given(params)))

    def post(self, path: str, body: Any = None, **params: Any) -> Any:
        return _good(self.ask("POST", path, json=body, params=_given(params)))

    def put(self, path: str, body: Any) -> Any:
        return _good(self.ask("PUT", path, json=body))

    def patch(self, path: str, body: Any) -> Any:
        return _good(self.ask("PATCH", path, json=body))

    def refused(self, status: int, code: str, method: str, path: str, body: Any = None, **request: Any) -> Any:
        """The problem that this request must be answered with."""
        if body is not None:
            request["json"] = body
        return problem(self.ask(method, path, **request), status, code)

    def walk(self, path: str, **params: Any) -> list[Any]:
        """All items of a list, page by page along its cursor."""
        items, cursor = [], None
        while True:
            page = self.get(path, **params, cursor=cursor)
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items


def problem(answer: httpx.Response, status: int, code: str) -> Any:
    """The body, once it is seen to be the problem document (RFC 9457) that it should be."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    body = answer.json()
    assert body["code"] == code, body
    assert body["status"] == status
    assert body["type"] == f"urn:lorekeeper:problem:{code}"
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["title"]
    assert body["detail"]
    assert "Traceback" not in answer.text
    return body


def _good(answer: httpx.Response) -> Any:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json()


def _given(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}
