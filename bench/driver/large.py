"""What a full database costs: the machine's package lists imported, a million records, a thousand connections, a start."""

import json
import re
import socket
import subprocess
import time
import urllib.parse
import urllib.request

from . import servers

RECORDS = 1_000_000
CONNECTIONS = 1_000


def packages():
    """apt-cache dumpavail as documents: fields as they are, relations as nested lists."""
    text = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=True).stdout
    for stanza in text.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z0-9-]+): ?(.*(?:\n .*)*)", stanza, re.M))
        if "Package" not in fields:
            continue
        document = {"name": fields.pop("Package"), "description": fields.pop("Description", "").split("\n")[0]}
        for key, value in fields.items():
            if key in ("Depends", "Recommends", "Suggests"):
                alternatives = [[one.strip() for one in group.split("|")] for group in value.split(",")]
                document[key.lower()] = [
                    [{"package": one.split(" ")[0], "version": one.partition("(")[2].rstrip(")")} for one in group]
                    for group in alternatives
                ]
            elif key in ("Size", "Installed-Size"):
                document[key.lower().replace("-", "_")] = int(value)
            else:
                document[key.lower().replace("-", "_")] = value
        yield document


def import_lines(server, body):
    """Documents a second through POST /items/import."""
    headers = {"Content-Type": "application/x-ndjson"}
    started = time.monotonic()
    with urllib.request.urlopen(
        urllib.request.Request(server.url + "/items/items/import", body, headers), timeout=600
    ) as answer:
        report = json.load(answer)
    spent = time.monotonic() - started
    if report["refused"]:
        raise RuntimeError(f"documents were refused: {report}")
    return report["added"], report["added"] / spent


def open_connections(url, count):
    """Keep-alive connections that have each had an answer and stay."""
    parts = urllib.parse.urlsplit(url)
    sockets = []
    for _ in range(count):
        one = socket.create_connection((parts.hostname, parts.port), timeout=10)
        one.sendall(b"GET /api/health HTTP/1.1\r\nHost: bench\r\n\r\n")
        one.recv(65536)
        sockets.append(one)
    return sockets


def run(folder, binary, progress):
    server = servers.Minga(folder, binary)
    try:
        server.ready()
        documents = list(packages())
        body = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
        progress(f"  importing {len(documents):,} package descriptions, {len(body) / 2**20:.0f} MiB")
        added, rate = import_lines(server, body)
        yield f"import of the machine's {added:,} package descriptions: {rate:,.0f} documents/s (aim 20,000)"
        del documents, body
        progress(f"  filling up to {RECORDS:,} records")
        filled, rates = added, []
        while filled < RECORDS:
            count = min(100_000, RECORDS - filled)
            lines = (f'{{"name":"record {n}","description":"filler","n":{n}}}\n' for n in range(filled, filled + count))
            rates.append(import_lines(server, "".join(lines).encode())[1])
            filled += count
        yield f"import of small documents up to {filled:,}: {min(rates):,.0f} to {max(rates):,.0f} documents/s"
        sockets = open_connections(server.url, CONNECTIONS)
        yield (
            f"memory with {filled:,} records and {CONNECTIONS:,} open connections:"
            f" {server.memory_mib():,.0f} MiB (aim 150)"
        )
        for one in sockets:
            one.close()
    finally:
        server.stop()

    starts = []
    for _ in range(5):
        started = time.monotonic()
        server = servers.Minga(folder, binary)
        try:
            servers.fetch(server.url + "/tasks/")
            starts.append(time.monotonic() - started)
        finally:
            server.stop()
    yield f"start to first answer with {filled:,} records: {sorted(starts)[2] * 1000:.0f} ms (aim 100)"
