"""What an operator can watch, as Prometheus reads it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from crackwise.predictor import Predictor
from crackwise.serve.desk import Desk

__all__ = ["Metrics"]

SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """Counters of one service."""

    def __init__(self, desk: Desk, predictor: Predictor) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter("crackwise_requests", "Requests answered.", ("path", "status"), registry=self.registry)
        self.seconds = Histogram(
            "crackwise_request_seconds",
            "From a request's header to its answer.",
            ("path",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.refusals = Counter(
            "crackwise_refusals", "Requests that went no further, by code.", ("code",), registry=self.registry
        )
        gauges = {
            "working": ("Requests worked on.", lambda: desk.working),
            "waiting": ("Requests in the queue.", lambda: desk.waiting),
            "held_bytes": ("Bodies in memory.", lambda: desk.held_bytes),
            "accepted": ("Requests that got a place, ever.", lambda: desk.accepted),
        }
        for name, (text, read) in gauges.items():
            Gauge(f"crackwise_{name}", text, registry=self.registry).set_function(read)
        model = Gauge(
            "crackwise_model", "Which model.", ("name", "sha256", "runtime", "precision"), registry=self.registry
        )
        model.labels(predictor.card.name, predictor.sha256, predictor.runtime, predictor.precision).set(1)

    def count(self, path: str, status: int, seconds: float, code: str | None) -> None:
        """One request is over."""
        self.requests.labels(path, str(status)).inc()
        self.seconds.labels(path).observe(seconds)
        if code is not None:
            self.refusals.labels(code).inc()

    def text(self) -> bytes:
        """All of them."""
        return generate_latest(self.registry)
