import pytest
from replica_set import ReplicaSet


@pytest.fixture
def replica_set():
    """A set without members. Modules whose tests share a set have a fixture of that name themselves."""
    made = ReplicaSet()
    try:
        yield made
    finally:
        made.close()
