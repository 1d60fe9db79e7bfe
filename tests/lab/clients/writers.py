"""Writers: threads that write through a frontend without pause, and remember what they were told.

A writer never tries a key again: an attempt that failed stays one, so that nothing hides behind a retry.
"""

import threading
import time

import psycopg

from tests.lab.clients.chef_api import ApiError, ChefApi
from tests.lab.clients.tally import ACKNOWLEDGED, IN_DOUBT, KEPT_OUT, REFUSED, Answer, End, Tally

DATABASE = "lab_writer"
PAUSE = 0.02  # seconds after a failed attempt: an outage is measured to this grain


class WriterError(Exception):
    """A writer cannot begin, does not get on, does not stop, or what it stored cannot be read."""


class Writer(threading.Thread):
    """Writes key after key until stopped. Subclasses say how one key is written and how all are read back.

    :param name: of this writer; its keys are `NAME-NUMBER`.
    :param rate: writes a second that it aims at. It does not catch up after an outage.
    """

    def __init__(self, name: str, rate: float):
        super().__init__(name=name, daemon=True)
        self.rate = rate
        self.answers: list[Answer] = []
        self.began = self.ended = time.time()
        self._stop_asked = threading.Event()

    def write(self, number: int) -> End:
        """Write one key; returns how it ended."""
        raise NotImplementedError

    def stored(self) -> frozenset[str]:
        """Read the keys of this writer that are stored now. Raises what the client raises."""
        raise NotImplementedError

    def run(self) -> None:
        number = 0
        due = self.began = time.time()
        while not self._stop_asked.is_set():
            number += 1
            began = time.time()
            end = self.write(number)
            ended = time.time()
            self.answers.append(Answer(f"{self.name}-{number}", began, ended, *end))
            due = max(due + 1 / self.rate, ended - 0.1)
            self._stop_asked.wait(max(due - ended, 0 if end.outcome == ACKNOWLEDGED else PAUSE))
        self.ended = time.time()

    def await_writes(self, count: int, timeout: float = 120) -> None:
        """Wait for `count` more acknowledgements. Raises WriterError after `timeout` seconds."""
        begin, until = len(self.answers), time.monotonic() + timeout
        while sum(answer.outcome == ACKNOWLEDGED for answer in self.answers[begin:]) < count:
            if time.monotonic() > until:
                last = self.answers[-1].error if self.answers else "no answer yet"
                raise WriterError(f"{self.name}: fewer than {count} writes were acknowledged in {timeout} s: {last}")
            time.sleep(0.05)

    def stop(self, timeout: float = 30) -> None:
        """End the thread. Raises WriterError if the write in hand does not end within `timeout` seconds."""
        self._stop_asked.set()
        self.join(timeout)
        if self.is_alive():
            raise WriterError(f"{self.name}: a write has had no answer for {timeout} s")

    def tally(self, timeout: float = 30) -> Tally:
        """The account of a stopped writer, with what is stored now.

        Raises WriterError if that cannot be read within `timeout` seconds.
        """
        until = time.monotonic() + timeout
        while True:
            try:
                stored = self.stored()
            except (psycopg.Error, ApiError) as error:
                if time.monotonic() > until:
                    raise WriterError(f"{self.name}: what was stored cannot be read: {error}") from error
                time.sleep(0.2)
            else:
                return Tally(self.name, self.began, self.ended, tuple(self.answers), stored)


class SqlWriter(Writer):
    """Numbered rows, each a commit of its own, through a frontend's HAProxy.

    :param address: of the frontend. :param user, password: of the cluster's PostgreSQL.
    """

    def __init__(self, name: str, address: str, user: str, password: str, rate: float = 300):
        super().__init__(name, rate)
        self._address, self._user, self._password = address, user, password
        self._connection: psycopg.Connection | None = None

    def prepare(self) -> None:
        """Make database and table if they are missing. Raises WriterError."""
        try:
            with self._connect("postgres") as admin:
                if not admin.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone():
                    admin.execute(f"create database {DATABASE}")
            with self._connect() as mine:
                mine.execute("create table if not exists rows (key text primary key, at timestamptz default now())")
        except psycopg.Error as error:
            raise WriterError(f"{self.name}: the table cannot be made: {error}") from error

    def write(self, number: int) -> End:
        try:
            if self._connection is None:
                self._connection = self._connect()
        except psycopg.Error as error:
            return End(REFUSED, str(error))  # nothing was sent
        try:
            self._connection.execute("insert into rows (key) values (%s)", (f"{self.name}-{number}",))
        except psycopg.Error as error:
            self._connection.close()
            self._connection = None
            # A server that is read-only has stored nothing; of all else nobody can be sure.
            refused = isinstance(error, psycopg.errors.ReadOnlySqlTransaction)
            return End(REFUSED if refused else IN_DOUBT, str(error))
        return End(ACKNOWLEDGED)

    def stored(self) -> frozenset[str]:
        with self._connect() as reader:
            rows = reader.execute("select key from rows where key like %s", (f"{self.name}-%",))
            return frozenset(key for (key,) in rows)

    def stop(self, timeout: float = 30) -> None:
        super().stop(timeout)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self, database: str = DATABASE) -> psycopg.Connection:
        return psycopg.connect(
            host=self._address,
            user=self._user,
            password=self._password,
            dbname=database,
            connect_timeout=2,
            tcp_user_timeout=1000,
            autocommit=True,
        )


class ApiWriter(Writer):
    """Chef nodes, created by signed requests to one frontend's API server."""

    def __init__(self, name: str, address: str, user: str, key: str, rate: float = 10):
        super().__init__(name, rate)
        self._api = ChefApi(f"http://{address}", user, key)

    def write(self, number: int) -> End:
        try:
            self._api.create_node(f"{self.name}-{number}")
        except ApiError as error:
            # goiardi answers 401 while it cannot read its users: it has stored nothing then. nginx's 503 never met it.
            refused = error.status in (401, KEPT_OUT) or not error.told
            return End(REFUSED if refused else IN_DOUBT, str(error), error.status)
        return End(ACKNOWLEDGED)

    def stored(self) -> frozenset[str]:
        return frozenset(name for name in self._api.nodes() if name.rpartition("-")[0] == self.name)
