import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from safetensors.numpy import save_file

from stemma.errors import boundary
from stemma.files import atomic_directory, atomic_file, read_json, sha256_of, write_json


def left_over(folder):
    return [path.name for path in folder.iterdir() if path.name.endswith(".partial")]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": "ü"})
    assert path.read_text() == '{\n  "a": "ü",\n  "b": 1\n}\n'
    with pytest.raises(ZeroDivisionError), atomic_file(path, "w") as handle:
        handle.write("half")
        raise ZeroDivisionError
    assert read_json(path) == {"a": "ü", "b": 1}
    assert left_over(tmp_path) == []


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "out"
    with atomic_directory(folder) as new:
        (new / "one").write_text("1")
    with atomic_directory(folder) as new:
        (new / "two").write_text("2")
    assert [path.name for path in folder.iterdir()] == ["two"]
    with pytest.raises(ZeroDivisionError), atomic_directory(folder) as new:
        (new / "three").write_text("3")
        raise ZeroDivisionError
    assert [path.name for path in folder.iterdir()] == ["two"]
    assert left_over(tmp_path) == []


@pytest.mark.parametrize(("mask", "modes"), [(0o022, "644 755"), (0o077, "600 700")])
def test_the_umask_is_honoured_whatever_wrote_the_files(tmp_path, mask, modes):
    before = os.umask(mask)
    try:
        with atomic_directory(tmp_path / "out") as new:
            (new / "inner").mkdir(mode=0o700)
            save_file({"w": np.ones(2)}, new / "inner/model.safetensors")
            with tempfile.NamedTemporaryFile(dir=new, delete=False) as private:
                private.write(b"1")
        write_json(tmp_path / "out.json", 1)
    finally:
        os.umask(before)
    made = [tmp_path / "out", tmp_path / "out.json", *(tmp_path / "out").rglob("*")]
    assert len(made) == 5
    of_file, of_folder = (int(mode, 8) for mode in modes.split())
    for path in made:
        expected = of_folder if path.is_dir() else of_file
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_a_kill_leaves_the_old_folder_and_the_next_write_sweeps(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "old").touch()
    code = (
        "import pathlib, time\nfrom stemma.files import atomic_directory\n"
        f"with atomic_directory(pathlib.Path({str(folder)!r})) as new:\n"
        "    (new / 'new').touch(); print('ready', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert len(left_over(tmp_path)) == 1
    with atomic_directory(folder) as new:
        (new / "newer").touch()
    assert [path.name for path in folder.iterdir()] == ["newer"]
    assert left_over(tmp_path) == []


def test_the_next_write_of_a_file_sweeps_what_a_killed_one_left(tmp_path):
    (tmp_path / ".a.json.abc.partial").mkdir()
    (tmp_path / ".a.json.abc.partial/a.json").write_text("half")
    write_json(tmp_path / "a.json", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_kill_between_the_two_renames_is_mended(tmp_path):
    folder, partial = tmp_path / "out", tmp_path / ".out.abc.partial"
    (partial / "previous").mkdir(parents=True)
    (partial / "previous/old").touch()
    with pytest.raises(ZeroDivisionError), atomic_directory(folder):
        raise ZeroDivisionError
    assert [path.name for path in folder.iterdir()] == ["old"]


def test_a_full_disk_names_the_place(tmp_path, capsys):
    path = tmp_path / "out"
    with pytest.raises(SystemExit) as stopped, boundary("stemma", False), atomic_file(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert "no space left" in said
    assert str(path) in said


def test_sha256_of_a_file(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2
    assert sha256_of(path) == known
