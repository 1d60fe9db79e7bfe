"""What somebody answers over a socket, with a bound on the whole of it and not on each of its parts."""

import io
import socket
import time
from typing import Any


class Answer(io.RawIOBase):
    """What comes over a connection until a moment: whoever sends it bit by bit holds nobody up.

    Reading raises TimeoutError as soon as that moment has passed: what has come until then is no answer.
    """

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        """Read from a connection.

        :param seconds: bound of the whole, from now on.
        """
        super().__init__()
        self._connection, self._seconds = connection, seconds
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what comes next. Raises TimeoutError; OSError."""
        left = self._until - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            self._connection.settimeout(left)
            return self._connection.recv_into(buffer)
        except TimeoutError as err:
            raise TimeoutError(f"no whole answer within {self._seconds:g} s") from err

    def makefile(self, _: str) -> io.BufferedReader:
        """Return it as ``http.client`` reads a socket."""
        return io.BufferedReader(self)
