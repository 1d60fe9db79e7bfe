"""All the writers of a lab together: rows through both frontends' HAProxy, nodes through both API servers."""

import json

from tests.lab.clients.tally import Tally
from tests.lab.clients.writers import ApiWriter, SqlWriter, Writer
from tests.lab.hosts import Lab

SECRETS = "etc/chef-backend/chef-backend-secrets.json"
API_KEY = "etc/goiardi/admin.pem"  # made by the first frontend, on its first start
API_USER = "admin"
SQL_USER = "chef_pgsql"
CALM = 0.2  # a pace for machines that are shared: hundreds of writes fall around each fault all the same


class Crowd:
    """Writers that are started, watched and stopped together; use it in a `with`, which stops them in any case.

    :param lab: a running lab. :param name: part of the writers' names: no two crowds of a lab may share it.
    :param pace: of the writers' usual rates; at their own pace they take most of a small machine.
    """

    def __init__(self, lab: Lab, name: str = "crowd", pace: float = 1):
        password = json.loads((lab.root(lab.backends[0]) / SECRETS).read_text())["postgresql"]["db_superuser_password"]
        key = (lab.root(lab.frontends[0]) / API_KEY).read_text()
        first = lab.frontends[0]
        self.sql = [SqlWriter(f"{name}-sql-{first}", lab.address(first), SQL_USER, password)]
        self.api = [ApiWriter(f"{name}-api-{host}", lab.address(host), API_USER, key) for host in lab.frontends]
        for writer in self.writers:
            writer.rate *= pace

    @property
    def writers(self) -> list[Writer]:
        return [*self.sql, *self.api]

    def __enter__(self) -> "Crowd":
        for rows in self.sql:
            rows.prepare()
        for writer in self.writers:
            writer.start()
        try:
            for writer in self.writers:
                writer.await_writes(20)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        for writer in self.writers:
            writer.stop()

    def stop(self) -> tuple[tuple[Tally, ...], tuple[Tally, ...]]:
        """See that all still write, stop them, read what is stored; returns the tallies of rows and of nodes.

        Raises WriterError if a writer does not get on any more: a service that is still down is no success.
        """
        for writer in self.writers:
            writer.await_writes(5)
        self.__exit__()
        return tuple(writer.tally() for writer in self.sql), tuple(writer.tally() for writer in self.api)
