"""Messages between a worker and its child, told from whatever else the child's code writes there."""

import select
import socket
from dataclasses import dataclass, field

MARK_BYTES = 16
LENGTH_BYTES = 8
BLOCK = 1 << 18


class GarbledError(Exception):
    """What came is no message: somebody else has written to the descriptor."""


@dataclass
class Wire:
    """One end of a stream socket; every message begins with a mark that only the two ends know."""

    socket: socket.socket
    mark: bytes
    _came: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self._poll = select.poll()
        self._poll.register(self.socket, select.POLLIN)

    def send(self, message: bytes) -> None:
        """Send one message; raises OSError when the other end is gone."""
        self.socket.sendall(self.mark + len(message).to_bytes(LENGTH_BYTES, "big") + message)

    def receive(self, timeout_s: float | None = None) -> bytes | None:
        """Return the next message, or None if it is not whole when the time is over.

        Raises EOFError when the other end is gone, and GarbledError for what is no message.
        """
        while (message := self._whole()) is None:
            if not self._poll.poll(None if timeout_s is None else timeout_s * 1000):
                return None
            came = self.socket.recv(BLOCK)
            if not came:
                raise EOFError
            self._came += came
        return message

    def _whole(self) -> bytes | None:
        head = MARK_BYTES + LENGTH_BYTES
        if not self.mark.startswith(bytes(self._came[:MARK_BYTES])):
            raise GarbledError
        end = head + int.from_bytes(self._came[MARK_BYTES:head], "big")
        if len(self._came) < head or len(self._came) < end:
            return None
        message = bytes(self._came[head:end])
        del self._came[:end]
        return message
