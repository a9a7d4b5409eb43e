"""What an operator sees: structured logs with a request id on every line, and Prometheus metrics."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pydantic_core import to_json
from structlog.contextvars import merge_contextvars
from structlog.types import Processor

log: structlog.stdlib.BoundLogger = structlog.get_logger("lorekeeper")


def configure_logging(style: str, level: str) -> None:
    """`style` is `json` (a line an event, for machines), `text` (for people) or `auto` (text on a terminal).

    The standard library's loggers (uvicorn, the engines' supervisor) go through the same formatter. To standard error.
    """
    as_text = style == "text" or (style == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(pad_event_to=28) if as_text else structlog.processors.JSONRenderer(as_json)
    )
    exceptions: list[Processor] = [] if as_text else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[*shared, *exceptions, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *exceptions, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("lorekeeper").setLevel(level.upper())
    # Every request is logged by our own middleware, with its id; uvicorn's access log would say it again.
    logging.getLogger("uvicorn.access").disabled = True


def as_json(event: Mapping[str, Any], default: Callable[[Any], Any]) -> str:
    """A log line, by pydantic: `json.dumps` takes four times as long, and every request writes a line."""
    try:
        return to_json(event, fallback=default).decode()
    except ValueError:  # a lone surrogate, which is no Unicode text; the line is worth more than its form
        return json.dumps(event, default=default)


class Metrics:
    """The process's Prometheus metrics, in a registry of their own so that two apps in one process do not clash."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "lorekeeper_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "lorekeeper_http_request_seconds",
            "Time to answer.",
            ["method", "route"],
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
        )
        self.in_flight = Gauge("lorekeeper_http_requests_in_flight", "Requests being answered.", registry=self.registry)
        self._children: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. The label lookups are kept, because they cost more than the counting."""
        key = (method, route, status)
        child = self._children.get(key)
        if child is None:
            child = (self.requests.labels(method, route, str(status)), self.seconds.labels(method, route))
            self._children[key] = child
        child[0].inc()
        child[1].observe(seconds)
