import contextlib
import dataclasses
import gzip
import json
import os
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stemma.corpus.sources import parts
from stemma.corpus.sources.formats import zstd
from stemma.corpus.sources.settings import Columns
from stemma.errors import SourceError, boundary
from stemma.files import sha256_of

INPUT = Path("data/input")
PACK = {".jsonl": bytes, ".jsonl.gz": gzip.compress, ".jsonl.zst": zstd.compress}

pytestmark = pytest.mark.usefixtures("project")

NO_COLUMNS = dict.fromkeys(field.name for field in dataclasses.fields(Columns))


@pytest.fixture
def read(source):
    """Read data/input as ingest does; one list of documents per part."""

    def run(**changed):
        settings = source("files", **changed)
        return {part.name: list(part.documents) for part in parts(settings)}

    return run


def put(name, content):
    path = INPUT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def table(name, **columns):
    path = INPUT / name
    pq.write_table(pa.table(columns), path)
    return path


def test_each_format_gives_its_documents_in_the_order_of_paths(read):
    rows = [{"text": "one", "extra": 1}, {"text": "zwö"}]
    for ending, pack in PACK.items():
        put(f"b{ending}", pack(lines(*rows)))
    put("a/z.txt", "first\r\nsecond")
    put("a.md", "\ufeffwith a mark")
    table("c.parquet", text=["row"])
    found = read()
    assert list(found) == [
        "a.md", "a/z.txt", "b.jsonl", "b.jsonl.gz", "b.jsonl.zst", "c.parquet",
    ]  # fmt: skip
    texts = {name: [document.text for document in found[name]] for name in found}
    assert texts["a.md"] == ["with a mark"]
    assert texts["a/z.txt"] == ["first\r\nsecond"]
    assert texts["c.parquet"] == ["row"]
    for ending in PACK:
        assert texts[f"b{ending}"] == ["one", "zwö"]
        assert [d.id for d in found[f"b{ending}"]] == [f"b{ending}#1", f"b{ending}#2"]
    assert found["a/z.txt"][0].id == "a/z.txt"


def test_columns_by_name(read):
    put("a.jsonl", lines({"body": "x", "key": 7, "book": "B", "text": "not this"}))
    table("b.parquet", body=["y"], key=["k"], book=["C"])
    found = read(
        columns=NO_COLUMNS | {"text": "body", "id": "key", "group": "book"}, license="CC0-1.0"
    )
    (a,), (b,) = found.values()
    assert (a.text, a.id, a.group, a.license) == ("x", "7", "B", "CC0-1.0")
    assert (b.text, b.id, b.group) == ("y", "k", "C")


def test_the_part_says_where_it_is_from(source):
    path = put("books/a.txt", "text")
    (part,) = parts(source("files", license="CC0-1.0"))
    list(part.documents)
    assert part.origin == "data/input/books/a.txt"
    assert part.sha256() == sha256_of(path)
    assert part.license == "CC0-1.0"


def test_what_dvc_and_the_guide_leave_there_is_not_read(read):
    put("README.md", "guide")
    put(".gitignore", "/a.txt")
    put("a.txt.dvc", "outs:")
    put(".hidden/b.txt", "no")
    put("a.txt", "yes")
    put("books/README.md", "yes")
    assert list(read()) == ["a.txt", "books/README.md"]


def test_a_file_that_two_patterns_match_is_read_once(read):
    put("a.txt", "x")
    assert list(read(patterns=["*.txt", "a.*"])) == ["a.txt"]


def refused(read, *words, **changed):
    with pytest.raises(SourceError) as error:
        read(**changed)
    line = str(error.value)
    assert "\n" not in line
    for word in words:
        assert word in line
    return line


@pytest.mark.parametrize("pattern", ["../x.txt", "/etc/passwd", "a/../../x.txt", ""])
def test_a_pattern_that_leaves_data_input_is_refused(read, pattern):
    refused(read, repr(pattern), "leaves data/input", "DVC", patterns=[pattern])


def test_a_pattern_that_is_no_glob_is_refused(read):
    with pytest.raises(SourceError, match=r"source\.patterns: 'a\*\*b'"):
        read(patterns=["a**b"])


def test_a_pattern_without_a_file_is_refused(read):
    put("a.txt", "x")
    refused(read, "'*.jsonl' matches no file", patterns=["*.txt", "*.jsonl"])


def test_an_unknown_ending_is_refused(read):
    put("a.pdf", "x")
    refused(read, "data/input/a.pdf", ".jsonl.zst", "source.patterns")


def test_text_that_is_not_utf8_is_refused(read):
    put("a.txt", b"caf\xe9 noir")
    refused(read, "data/input/a.txt", "0xe9", "offset 3")


@pytest.mark.parametrize("ending", PACK)
def test_a_line_that_is_not_utf8_is_refused(read, ending):
    put(f"a{ending}", PACK[ending](lines({"text": "x"}) + b'{"text": "\xff"}\n'))
    refused(read, f"data/input/a{ending} line 2", "0xff", "offset 10")


def test_a_parquet_row_that_is_not_utf8_is_refused(read):
    bad = pa.array([b"ok", b"\xff"]).cast(pa.binary()).view(pa.string())
    table("a.parquet", text=bad)
    refused(read, "data/input/a.parquet row 2", "0xff")


@pytest.mark.parametrize("content", ["{", "[1]", "3", '"x"', "[" * 100_000])
def test_a_line_that_is_no_json_object_is_refused(read, content):
    put("a.jsonl", lines({"text": "x"}) + b"\n" + content.encode())
    refused(read, "data/input/a.jsonl line 3")


@pytest.mark.parametrize("key", ["text", "id", "group"])
def test_a_missing_column_is_named_with_those_there(read, key):
    columns = NO_COLUMNS | {"text": "title"} | {key: "body"}
    for write in (lambda: put("a.jsonl", lines({"title": "x", "n": 1})),
                  lambda: table("a.parquet", title=["x"], n=[1])):  # fmt: skip
        path = write()
        found = "no column 'body'; it has 'title', 'n'"
        refused(read, str(path), found, f"source.columns.{key}", columns=columns)
        path.unlink()


@pytest.mark.parametrize("value", [None, 3, ["x"], {"a": "b"}])
def test_a_text_that_is_no_string_is_refused(read, value):
    path = put("a.jsonl", lines({"text": "x"}, {"text": value}))
    kind = type(value).__name__
    refused(read, f"{path} line 2", f"'text' is {kind}, not a string")
    path.unlink()
    table("a.parquet", text=[value])
    refused(read, "data/input/a.parquet row 1", f"'text' is {kind}")


@pytest.mark.parametrize("value", [None, 1.5, ""])
def test_an_id_that_is_no_label_is_refused(read, value):
    put("a.jsonl", lines({"text": "x", "id": value}))
    columns = NO_COLUMNS | {"text": "text", "id": "id"}
    refused(read, "data/input/a.jsonl line 1", "'id'", columns=columns)


@pytest.mark.parametrize("kept", [0, 1, 0.5, -1])
@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.zst", ".parquet"])
def test_a_torn_file_is_refused(read, ending, kept):
    name = f"a{ending}"
    rows = [{"text": f"words and {number**5}"} for number in range(5_000)]
    if ending == ".parquet":
        path = table(name, text=[row["text"] for row in rows])
    else:
        path = put(name, PACK[ending](lines(*rows)))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept == 0.5 else kept])
    refused(read, f"data/input/{name} cannot be read", "fetch it again")


def test_a_torn_page_inside_a_parquet_file_is_refused(read):
    path = table("a.parquet", text=[str(number**9) for number in range(5_000)])
    content = bytearray(path.read_bytes())
    content[40:4_000] = bytes(3_960)
    path.write_bytes(content)
    refused(read, "data/input/a.parquet cannot be read", "fetch it again")


@pytest.mark.parametrize("ending", [".txt", *PACK, ".parquet"])
def test_a_line_of_50_megabytes_is_refused_in_bounded_memory(read, ending):
    name = f"a{ending}"
    if ending == ".parquet":
        table(name, text=["x", "y" * 50_000_000])
    else:
        line = b'{"text": "' + b"y" * 50_000_000 + b'"}'
        put(name, PACK.get(ending, bytes)(line))
        del line
    tracemalloc.start()
    refused(read, f"data/input/{name}", "bytes long", "16,777,216", "max_document_bytes")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Arrow has to decode a value of a Parquet file before anyone can measure it.
    assert peak < (120 if ending == ".parquet" else 40) * 2**20


def test_the_limit_is_in_bytes_and_itself_allowed(read):
    put("a.txt", "éé")
    assert [d.text for d in read(max_document_bytes=4)["a.txt"]] == ["éé"]
    refused(read, "data/input/a.txt is 4 bytes long", max_document_bytes=3)


def test_a_file_that_the_disk_does_not_give_is_named(read):
    (INPUT / "a.txt").symlink_to("/proc/self/mem")
    refused(read, "data/input/a.txt cannot be read after document 0", "Input/output error")


@pytest.mark.parametrize("patterns", [["**/*"], ["**/*.txt"], ["books/*.txt"], ["a.txt"]])
def test_what_stands_behind_a_linked_folder_is_not_left_out(read, project, patterns):
    put("a.txt", "x")
    put("../elsewhere/b.txt", "y")
    (INPUT / "books").symlink_to(project / "data/elsewhere")
    refused(read, "data/input/books is a link to a folder", "cp -rs", patterns=patterns)


@contextlib.contextmanager
def nobody(project):
    """Root reads everything; so be nobody for a while."""
    was = os.geteuid()
    project.chmod(0o755)
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


def test_a_forbidden_file_is_named(read, project, capsys):
    put("a.txt", "x").chmod(0)
    with nobody(project), pytest.raises(SystemExit), boundary("stemma ingest"):
        read(patterns=["a.txt"])
    assert capsys.readouterr().err == "stemma ingest: Permission denied at data/input/a.txt\n"
