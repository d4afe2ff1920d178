"""The HTTP protocol of the service: uvicorn's own, with an end to its patience for slow heads and for slow readers.

It also tells the application which bodies are here already, so that nothing need wait for them.
"""

from __future__ import annotations

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0  # in which the head of a request must be here
HEAD_BYTES = 65_536
IS_WHOLE = "body_is_whole"  # in the state of a request: all of its body has come in
READ_S = 30.0  # in which an asker must take in what the sockets hold of an answer


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose next request has no whole head in time, or a large one, or that takes no answer.

    uvicorn bounds none of it: its keep-alive timer stops at the first byte of a request (0.54).
    """

    _timer: TimerHandle | None = None
    _unread: TimerHandle | None = None
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

    def pause_writing(self) -> None:
        """More of an answer waits than the asker takes."""
        super().pause_writing()
        self._unread = self.loop.call_later(READ_S, self.transport.abort)

    def resume_writing(self) -> None:
        """The asker took it."""
        self._stop_reading()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._stop()
        self._stop_reading()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._n_bytes = 0
        self._timer = self.loop.call_later(HEAD_S, self._give_up)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_reading(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _give_up(self) -> None:
        self._stop()
        self.transport.close()
