"""What the service counts, as Prometheus reads it; of several worker processes together."""

from __future__ import annotations

import os

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # where worker processes keep their counts
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
ROWS = (1, 2, 4, 8, 16, 32, 64)
FORMAT = CONTENT_TYPE_LATEST


class Metrics:
    """The counts of one process."""

    def __init__(self) -> None:
        self._own = CollectorRegistry()
        self._of_path: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._requests = Counter(
            "archwise_requests", "Requests by path and status", ("path", "status"), registry=self._own
        )
        self._seconds = Histogram(
            "archwise_request_seconds", "Time of a request, s", ("path",), buckets=SECONDS, registry=self._own
        )
        self._rows = Counter("archwise_rows", "Rows that were answered", ("model",), registry=self._own)
        self._batches = Histogram(
            "archwise_batch_rows", "Rows that were answered together", ("model",), buckets=ROWS, registry=self._own
        )
        self._refused = Counter(
            "archwise_refused", "Rows refused as the queue was full", ("model",), registry=self._own
        )
        self._models = Gauge(
            "archwise_model", "1 for each model that is served", ("model", "version"), registry=self._own,
            multiprocess_mode="max",
        )  # fmt: skip

    def request(self, path: str, status: int, seconds: float) -> None:
        """A request was answered."""
        counts = self._of_path.get((path, status))
        if counts is None:  # finding them by their names takes longer than counting
            counts = self._requests.labels(path, str(status)), self._seconds.labels(path)
            self._of_path[path, status] = counts
        counts[0].inc()
        counts[1].observe(seconds)

    def batch(self, model: str, n_rows: int) -> None:
        """Rows are answered together."""
        self._rows.labels(model).inc(n_rows)
        self._batches.labels(model).observe(n_rows)

    def rows(self, model: str, n_rows: int) -> None:
        """Rows of one request were answered."""
        self._rows.labels(model).inc(n_rows)

    def refused(self, model: str) -> None:
        """A row found the queue full."""
        self._refused.labels(model).inc()

    def model(self, name: str, version: str) -> None:
        """A model is served."""
        self._models.labels(name, version).set(1)

    def text(self) -> bytes:
        """All of it in Prometheus' text format; of all workers where there are several."""
        if FOLDER not in os.environ:
            return generate_latest(self._own)
        all_of_them = CollectorRegistry()
        MultiProcessCollector(all_of_them)  # type: ignore[no-untyped-call]
        return generate_latest(all_of_them)
