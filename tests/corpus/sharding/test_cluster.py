"""Ray's pool on a real cluster of three nodes, of which one is killed on the way."""

import os
import threading
import time
from pathlib import Path

import pytest
from preparing import load, prepared

from stemma.corpus import documents as shards
from stemma.corpus.documents import Document
from stemma.corpus.sharding.cluster import RayPool
from stemma.corpus.sharding.pool import ProcessPool, open_pool
from stemma.errors import DataError, SettingsError

ray = pytest.importorskip("ray")

# A worker imports what it runs, and these it has.
NODE = "__import__('ray').get_runtime_context().get_node_id()"
DIE = "__import__('os').kill(__import__('os').getpid(), 9)"


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = Cluster(
        initialize_head=True,
        head_node_args=node | {"include_dashboard": False},
        shutdown_at_exit=False,
    )
    cluster.add_node(**node)
    yield cluster
    cluster.shutdown()


@pytest.fixture
def third(cluster, monkeypatch):
    """A third node, which the test kills."""
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    node = cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    cluster.wait_for_nodes()
    yield node
    if node in cluster.list_all_nodes():
        cluster.remove_node(node)


@pytest.fixture
def pool(third):
    pool = RayPool(0)
    yield pool
    pool.close()


def log_of(path):
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def test_a_lost_nodes_tasks_run_again_and_results_stay_in_order(cluster, third, pool, tmp_path):
    log = tmp_path / "log"
    run = f"(open({str(log)!r}, 'a').write({NODE} + '\\n'), __import__('time').sleep(1))"
    tasks = [f"{run} and {number}" for number in range(12)]

    def kill():
        while third.node_id not in log_of(log):
            time.sleep(0.05)
        cluster.remove_node(third, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    assert list(pool.map(eval, tasks)) == list(range(12))
    killer.join()
    assert len(log_of(log)) > 12, "some task was begun twice"
    assert len(set(log_of(log))) == 3, "all nodes took part"


class Killing:
    """A pool that loses a node in the middle of its first map."""

    def __init__(self, pool, kill):
        self.pool, self.kill, self.maps = pool, kill, 0

    def map(self, function, items):
        self.maps += 1
        for number, result in enumerate(self.pool.map(function, items)):
            if self.maps == 1 and number == 0:
                self.kill()
            yield result


def documents(count=40):
    words = ["king", "queen", "crown", "ghost", "garden", "sword", "letter", "night", "storm"]
    for number in range(count):
        lines = [
            f"The {words[(number + at) % 9]} of {number} and the {words[number * at % 9]} {at}."
            for at in range(12)
        ]
        yield Document(f"doc-{number}", "\n".join(lines), "source", "CC0-1.0", "")


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_prepare_gives_the_bytes_of_the_pool_though_a_node_is_killed(
    cluster, third, pool, tmp_path, monkeypatch
):
    monkeypatch.setattr(shards, "SHARD_DOCUMENTS", 4)
    processes = ProcessPool(2)
    expected = contents(prepared(tmp_path, documents(), load(), processes, "pool"))
    processes.close()
    killing = Killing(pool, lambda: cluster.remove_node(third, allow_graceful=False))
    assert contents(prepared(tmp_path, documents(), load(), killing, "ray")) == expected
    assert killing.maps > 1
    assert third not in cluster.list_all_nodes()


def test_errors_of_tasks_are_those_of_the_function_in_one_line(pool, tmp_path):
    with pytest.raises(DataError, match=r"^x holds no documents \(type `dvc repro ingest`\)$"):
        list(pool.map(shards.shards, [Path("x")]))
    with pytest.raises(DataError, match=r"^Ray lost the worker .* \(lower prepare\.workers.*\)$"):
        list(pool.map(eval, [DIE]))


def test_a_folder_that_nodes_do_not_share_is_told(pool, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)

    def items():
        gone.rmdir()
        yield -1

    with pytest.raises(DataError, match=r"gone cannot be opened on node .* share"):
        list(pool.map(abs, items()))


def test_a_cluster_that_does_not_answer_is_told_at_once(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    begun = time.monotonic()
    with (
        pytest.raises(
            SettingsError, match=r"RAY_ADDRESS=127\.0\.0\.1:1 does not answer: .*refused"
        ),
        open_pool("ray", 0, 1, 1),
    ):
        pass
    assert time.monotonic() - begun < 60


def test_without_an_address_a_cluster_is_begun_here_and_ended(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with open_pool("ray", 2, 1, 1) as pool:
        assert os.getpid() not in set(pool.map(eval, ["__import__('os').getpid()"] * 2))
        assert [node["Alive"] for node in ray.nodes()] == [True]
    assert not ray.is_initialized()
