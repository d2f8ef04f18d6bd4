"""A writer at each member, past the nodes: whoever takes its writes calls itself the primary."""

import select
import time

import psycopg2
from psycopg2 import extensions
from workload import DONE, REFUSED, UNKNOWN, Entry, Worker

TABLE = "faults_direct"
CREATE = f"CREATE TABLE IF NOT EXISTS {TABLE} (value text PRIMARY KEY, member text NOT NULL)"
# The timeline stands in the first eight digits of a log file's name.
WRITE = f"INSERT INTO {TABLE} VALUES (%s, %s) RETURNING left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)"
PATIENCE = 3.0  # a write that waits for a standby longer than this is left alone: nobody knows of it
REST = 0.1


class Silence(Exception):
    pass


def wait(connection, until):
    """Until what is under way on the connection is done."""
    while (state := connection.poll()) != extensions.POLL_OK:
        rest = until - time.monotonic()
        reads = [connection] if state == extensions.POLL_READ else []
        writes = [connection] if state == extensions.POLL_WRITE else []
        if rest <= 0 or not any(select.select(reads, writes, [], rest)):
            raise Silence


class DirectWriter(Worker):
    def __init__(self, load, label, member):
        super().__init__(load, label, 0)
        self.member, self.url = member.name, load.deployment.url_of(member)

    def act(self):
        if self.client is None and not self.connect():
            self.load.ending.wait(REST)
            return
        entry = self.journal.begin(Entry(self.label, "direct", self.name(), record=self.member))
        try:
            cursor = self.client.cursor()
            cursor.execute(WRITE, (entry.value, self.member))
            wait(self.client, time.monotonic() + PATIENCE)
            (entry.result,) = cursor.fetchone()
            # "The transaction has already committed locally, but might not have been replicated": no answer.
            self.journal.end(entry, UNKNOWN if self.client.notices else DONE)
        except psycopg2.errors.ReadOnlySqlTransaction:
            self.journal.end(entry, REFUSED)
            self.load.ending.wait(REST)
        except (psycopg2.Error, Silence):
            self.journal.end(entry, UNKNOWN)
            self.drop()
        self.load.ending.wait(REST)

    def connect(self):
        try:
            self.client = psycopg2.connect(self.url, async_=1)
            wait(self.client, time.monotonic() + PATIENCE)
        except (psycopg2.Error, Silence):
            self.drop()
        return self.client is not None


def writers(load):
    with psycopg2.connect(load.deployment.url) as connection:
        connection.autocommit = True
        connection.cursor().execute(CREATE)
    connection.close()
    return [DirectWriter(load, f"{load.label}-{member.data.name}", member) for member in load.deployment.members]
