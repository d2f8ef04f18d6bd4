"""The peer: the tasks API and the visit counter as Flask, gunicorn, psycopg2 and PostgreSQL are used every day.

It answers what minga's applications answer: the same fields, the same validation, the same list envelope.
"""

import os
import uuid
from contextlib import contextmanager
from threading import Lock

from flask import Flask, jsonify, request
from psycopg2.pool import ThreadedConnectionPool

FIELDS = "id, title, description, done, created, updated"
CREATE = f"INSERT INTO tasks (id, title, description, done) VALUES (%s, %s, %s, %s) RETURNING {FIELDS}"
VIEW = f"SELECT {FIELDS} FROM tasks WHERE id = %s"
LIST = f"SELECT {FIELDS} FROM tasks ORDER BY created DESC, id DESC LIMIT %s OFFSET %s"
COUNT = "SELECT count(*) FROM tasks"
HIT = "UPDATE counters SET value = value + 1 WHERE name = 'hits' RETURNING value"

app = Flask(__name__)
pool = None
making_pool = Lock()


@contextmanager
def cursor():
    global pool
    with making_pool:
        if pool is None:  # after the fork: a connection belongs to one process
            size = int(os.environ["PEER_POOL"])
            pool = ThreadedConnectionPool(size, size, os.environ["DATABASE_URL"])  # more than the least are not kept
    connection = pool.getconn()
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        pool.putconn(connection)


def as_json(row):
    id, title, description, done, created, updated = row
    return {
        "id": id,
        "title": title,
        "description": description,
        "done": done,
        "created": created.isoformat(),
        "updated": updated.isoformat(),
    }


def invalid(field, code, message):
    data = {field: {"code": code, "message": message}}
    return jsonify(status=400, message="Failed to create record.", data=data), 400


@app.post("/add")
def add():
    task = request.get_json()
    for field, most in (("title", 200), ("description", 2000)):
        value = task.get(field)
        if not isinstance(value, str) or not value:
            return invalid(field, "validation_required", "Cannot be blank.")
        if len(value) > most:
            return invalid(field, "validation_max_text_constraint", f"Must be no more than {most} character(s).")
    with cursor() as rows:
        rows.execute(CREATE, (uuid.uuid4().hex[:15], task["title"], task["description"], bool(task.get("done"))))
        created = as_json(rows.fetchone())
    return jsonify(message="Tarea a\u00f1adida correctamente", **created), 201


@app.get("/tasks/<id>")
def view(id):
    with cursor() as rows:
        rows.execute(VIEW, (id,))
        row = rows.fetchone()
    if row is None:
        return jsonify(status=404, message="Not Found: " + request.path), 404
    return jsonify(as_json(row))


@app.get("/")
def index():
    page = max(1, request.args.get("page", 1, type=int))
    per_page = min(1000, max(1, request.args.get("perPage", 30, type=int)))
    with cursor() as rows:
        rows.execute(LIST, (per_page, (page - 1) * per_page))
        items = [as_json(row) for row in rows.fetchall()]
        rows.execute(COUNT)
        (total,) = rows.fetchone()
    return jsonify(page=page, perPage=per_page, totalItems=total, totalPages=-(-total // per_page), items=items)


@app.get("/hits")
def hits():
    with cursor() as rows:
        rows.execute(HIT)
        (value,) = rows.fetchone()
    return jsonify(hits=value, message=f"Hello! I have been seen {value} times.")
