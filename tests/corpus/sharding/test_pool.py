import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stemma.corpus.documents import shards
from stemma.corpus.sharding.pool import ProcessPool, SerialPool, open_pool
from stemma.errors import DataError

PARENT = """
import time
from stemma.corpus.sharding.pool import ProcessPool
if __name__ == "__main__":
    pool = ProcessPool(2)
    print(*pool.map(pid, range(2)), flush=True)
    time.sleep(60)
"""


# A worker imports what it runs, and these it has.
PID = "__import__('time').sleep(0.3) or __import__('os').getpid()"
DIE = "__import__('os').kill(__import__('os').getpid(), 9)"


def test_results_come_in_order_from_several_processes():
    pool = ProcessPool(2)
    assert list(pool.map(abs, range(-50, 0))) == list(range(50, 0, -1))
    assert os.getpid() not in set(pool.map(eval, [PID, PID]))
    pool.close()


def test_an_error_of_a_worker_keeps_its_hint():
    pool = ProcessPool(1)
    with pytest.raises(DataError, match=r"^x holds no documents \(type `dvc repro ingest`\)$"):
        list(pool.map(shards, [Path("x")]))
    pool.close()


def test_a_killed_worker_is_an_error_that_names_the_setting():
    pool = ProcessPool(1)
    with pytest.raises(DataError, match=r"prepare\.workers"):
        list(pool.map(eval, [DIE]))
    pool.close()


@pytest.mark.parametrize(("workers", "items", "size"), [(0, 8, 1000), (1, 8, 2**40), (4, 1, 2**40)])
def test_small_work_stays_in_this_process(workers, items, size):
    with open_pool("pool", workers, items, size) as pool:
        assert isinstance(pool, SerialPool)


def test_workers_end_with_a_killed_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text("import os\ndef pid(_):\n    return os.getpid()\n" + PARENT)
    parent = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": "src"}
    )
    assert parent.stdout is not None
    workers = [int(word) for word in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    for _ in range(100):
        if not any(alive(worker) for worker in workers):
            return
        time.sleep(0.1)
    raise AssertionError("workers outlive their parent")


def alive(worker):
    try:
        return Path(f"/proc/{worker}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
