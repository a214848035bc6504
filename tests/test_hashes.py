"""What DVC would call files and folders."""

from pathlib import Path

from dvc.repo import Repo

from stemma.hashes import files_of, hashes_of, name_of
from stemma.layout import OBSERVED


def test_files_and_folders_are_called_what_dvc_calls_them(tmp_path: Path):
    repo = Repo.init(tmp_path, no_scm=True)
    (tmp_path / "file").write_bytes(b"of one")
    # As text "a.b" is before "a/b", and as a path behind it.
    for name in ("folder/a/b", "folder/a.b", "folder/z", "folder/ü/deep/er"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    for name in ("file", "folder"):
        (stage,) = repo.add(str(tmp_path / name))
        assert name_of(hashes_of(tmp_path / name)) == stage.outs[0].hash_info.value
    repo.close()


def test_what_a_model_was_made_on_is_no_part_of_it(tmp_path: Path):
    for name in ("model", OBSERVED, f"deep/{OBSERVED}", f"{OBSERVED}.bak"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    (tmp_path / "empty").mkdir()
    assert files_of(tmp_path).keys() == {"model", f"{OBSERVED}.bak"}
