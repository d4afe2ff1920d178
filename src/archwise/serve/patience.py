"""The HTTP protocol of the service: uvicorn's own, with an end to its patience for slow and for endless heads.

It also tells the application which bodies are here already, so that nothing need wait for them.
"""

from __future__ import annotations

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0  # in which the head of a request must be here
HEAD_BYTES = 65_536
IS_WHOLE = "body_is_whole"  # in the state of a request: all of its body has come in


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose next request has no whole head in time, or one that is too large.

    uvicorn bounds neither: its keep-alive timer stops at the first byte of a request (0.54).
    """

    _timer: TimerHandle | None = None
    _n_bytes = 0
    _awaits_head = True  # from the first byte of a request, or the opening of the connection, to the end of the head

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """A connection is open."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Bytes came in; mostly a whole request, for which no timer need be set."""
        if self._timer is not None:
            self._n_bytes += len(data)
        super().data_received(data)
        if not self._awaits_head:
            self._stop()
        elif self._timer is None:
            self._wait()
        elif self._n_bytes > HEAD_BYTES:
            self._give_up()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._awaits_head = True

    def on_headers_complete(self) -> None:
        """The head of a request is whole."""
        self._awaits_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body of a request is whole."""
        super().on_message_complete()
        self.scope["state"][IS_WHOLE] = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._n_bytes = 0
        self._timer = self.loop.call_later(HEAD_S, self._give_up)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._stop()
        self.transport.close()
