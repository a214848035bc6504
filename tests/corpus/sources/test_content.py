"""What is no text, is packed or has another encoding, told by its bytes; and what to type then."""

import bz2
import gzip
import io
import json
import lzma
import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from pointers import POINTER

from stemma.corpus.sources import parts
from stemma.corpus.sources.files import FORMATS
from stemma.corpus.sources.formats import zstd
from stemma.errors import SourceError

INPUT = Path("data/input")
ENGLISH = "The king walked by the river. It was morning, and the garden was silent.\n"
FRENCH = "Dès Noël où un zéphyr haï me vêt de glaçons, je dîne d'exquis rôtis.\n"
CHINESE = "天地玄黄。宇宙洪荒。日月盈昃。辰宿列张。寒来暑往。秋收冬藏。\n"
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたか頓と見当がつかぬ。\n"

pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture
def read(source):
    return lambda: [document.text for part in parts(source("files")) for document in part.documents]


def refused(read, name, content):
    (INPUT / name).write_bytes(content)
    with pytest.raises(SourceError) as error:
        read()
    line = str(error.value)
    assert line.startswith(f"data/input/{name}") and "\n" not in line
    assert "LATIN1" not in line
    return line


def obey(line, name):
    """Type what a line says between backquotes, put NEW where it says; only what is installed."""
    command = re.search("`(.*)`", line)[1]
    assert command.endswith("> NEW")
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )
    if done.returncode == 127:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    Path("NEW").replace(INPUT / name)


@pytest.mark.parametrize(
    ("text", "encoding", "named"),
    [
        (ENGLISH, "utf-16", "UTF-16"),
        (ENGLISH, "utf-16-le", "UTF-16LE"),
        (ENGLISH, "utf-16-be", "UTF-16BE"),
        (ENGLISH, "utf-32", "UTF-32"),
        (ENGLISH, "utf-32-be", "UTF-32BE"),
        (CHINESE, "utf-16-le", "UTF-16LE"),
        (CHINESE, "gb18030", "GB18030"),
        (CHINESE, "big5", "BIG5"),
        (JAPANESE, "shift_jis", "CP932"),
        (JAPANESE, "iso2022_jp", "ISO-2022-JP"),
    ],
)
@pytest.mark.parametrize("ending", [".txt", ".jsonl", ".jsonl.gz"])
def test_another_encoding_is_named_and_the_remedy_gives_the_text(
    read, text, encoding, named, ending
):
    text = text.encode(encoding, "ignore").decode(encoding)
    row = text if ending == ".txt" else json.dumps({"text": text}, ensure_ascii=False)
    content = row.encode(encoding)
    line = refused(read, f"a{ending}", gzip.compress(content) if ".gz" in ending else content)
    assert f"iconv -f {named} -t UTF-8" in line
    obey(line, f"a{ending}")
    assert read() == [text]


def test_an_encoding_of_one_byte_a_character_is_not_guessed(read):
    line = refused(read, "a.txt", FRENCH.encode("latin-1"))
    assert "is not UTF-8: byte 0xe8 at offset 1" in line and "iconv -f ENCODING -t UTF-8" in line


@pytest.mark.parametrize(
    ("kind", "pack"),
    [
        ("gzip", gzip.compress),
        ("zstd", zstd.compress),
        ("bzip2", bz2.compress),
        ("xz", lzma.compress),
    ],
)
def test_packed_text_under_a_name_of_text_is_named_and_the_remedy_unpacks_it(read, kind, pack):
    line = refused(read, "a b.txt", pack(ENGLISH.encode()))
    assert f"holds {kind}, not text" in line
    obey(line, "a b.txt")
    assert read() == [ENGLISH]


def test_what_is_packed_twice_is_named_and_the_remedy_unpacks_it_once(read):
    row = json.dumps({"text": ENGLISH}).encode()
    line = refused(read, "a.jsonl.gz", gzip.compress(gzip.compress(row)))
    assert "a.jsonl.gz holds gzip, not text" in line
    obey(line, "a.jsonl.gz")
    assert read() == [ENGLISH]


def archive(kind):
    held = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(held, "w") as file:
            file.writestr("a.txt", ENGLISH)
    elif kind == "tar":
        with tarfile.open(fileobj=held, mode="w") as file:
            file.addfile(tarfile.TarInfo("a.txt"))
    elif kind == "Parquet":
        pq.write_table(pa.table({"text": ["x"]}), held)
    else:
        pyarrow.feather.write_feather(pa.table({"text": ["x"]}), held)
    return held.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar", "Parquet", "Arrow (Feather)"])
@pytest.mark.parametrize("ending", [".txt", ".md", ".jsonl"])
def test_what_is_no_text_at_all_is_named(read, kind, ending):
    assert f"holds {kind}, not text" in refused(read, f"a{ending}", archive(kind))


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.jsonl.gz", zstd.compress(b"{}"), "is zstd, not gzip"),
        ("a.jsonl.zst", gzip.compress(b"{}", mtime=0), "is gzip, not zstd"),
        ("a.parquet", gzip.compress(b"{}", mtime=0), "is gzip, not Parquet"),
        ("a.parquet", archive("Arrow (Feather)"), "is Arrow (Feather), not Parquet"),
        ("a.jsonl.gz", b'{"text": "x"}', "not what its name says"),
        ("a.jsonl.zst", b'{"text": "x"}', "not what its name says"),
        ("a.parquet", b"text\nx\n", "not what its name says"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_named(read, name, content, found):
    assert found in refused(read, name, content)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_pointer_of_git_lfs_is_named_whatever_its_name_says(read, ending):
    line = refused(read, f"a{ending}", POINTER)
    assert line == (
        f"data/input/a{ending} is a Git LFS pointer, not the file itself (type `git lfs pull`)"
    )


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_one_json_array_is_named_and_the_remedy_gives_its_rows(read, indent, ending):
    content = json.dumps([{"text": "one"}, {"text": "two"}], indent=indent).encode()
    line = refused(read, f"a{ending}", gzip.compress(content) if ".gz" in ending else content)
    assert "is one JSON array, not JSON Lines" in line
    obey(line, f"a{ending}")
    assert read() == ["one", "two"]


@pytest.mark.parametrize(
    "content",
    [
        '{\n  "text": "one"\n}\n{"text":\n "two"}',
        '{"text": "one"}{"text": "two"}',
        '{"text": "one"}\r{"text": "two"}\r',
    ],
)
def test_objects_that_are_not_one_a_line_are_named_and_the_remedy_makes_them_so(read, content):
    line = refused(read, "a.jsonl", content.encode())
    assert "a.jsonl line 1 is not JSON" in line
    obey(line, "a.jsonl")
    assert read() == ["one", "two"]


class Kms(pe.KmsClient):
    """Keeps keys in the file itself."""

    def __init__(self, _):
        super().__init__()

    def wrap_key(self, key, _):
        return key.hex()


@pytest.mark.parametrize("plain_footer", [False, True])
def test_an_encrypted_parquet_file_is_named(read, plain_footer):
    configuration = pe.EncryptionConfiguration(
        footer_key="f", column_keys={"c": ["text"]}, plaintext_footer=plain_footer
    )
    factory = pe.CryptoFactory(Kms)
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), configuration)
    held = io.BytesIO()
    pq.write_table(pa.table({"text": ["x"]}), held, encryption_properties=properties)
    assert "holds encrypted columns" in refused(read, "a.parquet", held.getvalue())


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([pa.array(["x"])] * 3, "has the column 'text' 3 times"),
        ([pa.array([2**31 - 1], pa.date32())], "row 1: column 'text' of the type date32"),
        ([pa.array([2**62], pa.duration("s"))], "row 1: column 'text' of the type duration"),
        (
            [pa.StructArray.from_arrays([pa.array(["x"])] * 2, names=["a", "a"])],
            "row 1: column 'text' of the type struct",
        ),
    ],
)
def test_a_table_that_python_cannot_hold_is_named_by_its_column(read, values, found):
    held = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(values, names=["text"] * len(values)), held)
    assert found in refused(read, "a.parquet", held.getvalue())


def test_a_column_that_is_not_read_may_come_twice(read):
    table = pa.Table.from_arrays([pa.array(["x"])] * 3, names=["a", "text", "a"])
    pq.write_table(table, INPUT / "a.parquet")
    assert read() == ["x"]


@pytest.mark.parametrize("log", [27, 28, 31])
def test_a_zst_file_with_a_long_window_is_read(read, log):
    # As RFC 8878 lays out a frame: magic, no flags, the window, one last block that is not packed.
    line = json.dumps({"text": ENGLISH}).encode() + b"\n"
    block = (len(line) << 3 | 1).to_bytes(3, "little") + line
    frame = b"\x28\xb5\x2f\xfd\0" + bytes([log - 10 << 3]) + block
    (INPUT / "a.jsonl.zst").write_bytes(frame + zstd.compress(line) + frame)
    assert read() == [ENGLISH] * 3
