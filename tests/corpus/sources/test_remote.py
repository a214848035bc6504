"""Sources on S3: a real server on the loopback, and a way to it that cuts, refuses and expires."""

import gzip
import hashlib
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from buckets import Server

from stemma.corpus.sources import parts
from stemma.corpus.sources.formats import zstd
from stemma.corpus.sources.settings import MixedSettings
from stemma.errors import SourceError
from stemma.files import atomic_directory
from stemma.stages import ingest

pytestmark = pytest.mark.usefixtures("project", "s3")
ROWS = [{"text": "one"}, {"text": "zwö"}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
LONG = b"".join(json.dumps({"text": f"line {n} " * 20}).encode() + b"\n" for n in range(20000))
EXACT = "s3://bucket/corpus/a.jsonl"
GLOB = "s3://bucket/corpus/*.jsonl"
PIPELINE = "stages: {ingest: {cmd: x, deps: [data/input, DEP]}}"


@pytest.fixture
def origins(source):
    """Read URLs as ingest does: origins, and the documents of each."""

    def run(*patterns, **changed):
        settings = source("files", patterns=list(patterns), **changed)
        return [(origin, list(origin.documents)) for origin in parts(settings)]

    return run


def parquet(**columns) -> bytes:
    handle = io.BytesIO()
    pq.write_table(pa.table(columns), handle)
    return handle.getvalue()


def test_each_format_is_read_from_a_url(origins, s3: Server) -> None:
    etags = {
        "a.jsonl": s3.put("corpus/a.jsonl", LINES),
        "b/c.jsonl.gz": s3.put("corpus/b/c.jsonl.gz", gzip.compress(LINES)),
        "d.jsonl.zst": s3.put("corpus/d.jsonl.zst", zstd.compress(LINES)),
        "e.parquet": s3.put("corpus/e.parquet", parquet(text=["one", "zwö"], other=[1, 2])),
        "f.txt": s3.put("corpus/f.txt", b"one"),
    }
    s3.put("corpus/.hidden.txt", b"no")
    found = origins("s3://bucket/corpus/**")
    assert [origin.origin for origin, _ in found] == [f"s3://bucket/corpus/{n}" for n in etags]
    assert [origin.version for origin, _ in found] == [*etags.values()]
    for origin, documents in found:
        texts = ["one"] if origin.name.endswith(".txt") else ["one", "zwö"]
        assert [document.text for document in documents] == texts
        assert all(one.id.startswith(f"bucket/corpus/{origin.name[14:]}") for one in documents)


def test_what_was_read_has_a_digest_that_only_the_documents_decide(origins, s3: Server) -> None:
    s3.put("corpus/a.jsonl", LINES)
    ((origin, documents),) = origins(EXACT)
    told = b"".join(f"{one.id}\0{one.text}\0{one.label}\0".encode() for one in documents)
    assert origin.sha256() == hashlib.sha256(told).hexdigest()


def test_files_here_come_before_those_at_a_url(origins, project, s3: Server) -> None:
    s3.put("corpus/a.jsonl", LINES)
    (project / "data/input/z.txt").write_text("here")
    assert [one.name for one, _ in origins(EXACT, "*.txt")] == ["z.txt", "bucket/corpus/a.jsonl"]
    assert [one.name for one, _ in origins(EXACT, GLOB)] == ["bucket/corpus/a.jsonl"]


def test_it_is_read_in_pieces_and_no_further_than_needed(source, s3: Server) -> None:
    s3.put("corpus/a.jsonl", LONG * 8)
    (origin,) = parts(source("files", patterns=[EXACT]))
    assert next(origin.documents).text.startswith("line 0")
    assert len(s3.way.ranges) == 1, "of 34 MiB one piece"
    assert sum(1 for _ in origin.documents) == 159_999
    pieces = [end - start + 1 for start, end in s3.way.ranges]
    assert sum(pieces) == len(LONG) * 8 and max(pieces) <= 2**23, "all of it, once"


@pytest.mark.parametrize("dep", [EXACT, "s3://bucket/corpus", "s3://bucket/corpus/", "s3://bucket"])
def test_what_dvc_watches_is_read(origins, project, s3: Server, dep: str) -> None:
    s3.put("corpus/a.jsonl", LINES)
    (project / "dvc.yaml").write_text(PIPELINE.replace("DEP", dep))
    assert len(origins(EXACT)) == 1


@pytest.mark.parametrize("dep", ["s3://bucket/corp", "s3://bucket/corpus/b.jsonl", "gs://bucket"])
def test_what_dvc_does_not_watch_is_refused_with_the_line_to_add(origins, project, dep) -> None:
    (project / "dvc.yaml").write_text(PIPELINE.replace("DEP", dep))
    with pytest.raises(SourceError, match="no dependency of ingest in dvc") as caught:
        origins(GLOB)
    assert caught.value.hint.startswith("add `- s3://bucket/corpus` to deps of ingest")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("s3://key:secret@bucket/a.jsonl", "has a name or password, which would be committed"),
        ("https://host/a.jsonl?X-Amz-Signature=secret", "has a query, which would be committed"),
        ("ftp://host/a.jsonl", "begins with ftp://"),
        ("hf://datasets/owner/name/a.jsonl", "names no commit"),
        ("s3://bucket/corpus", "matches no file"),
        ("s3://bucket/none/*.jsonl", "matches no file|no such object"),
        ("s3://bucket/corpus/none.jsonl", "there is no such object"),
        ("s3://bukket/corpus/a.jsonl", "there is no such bucket"),
        ("s3://bukket/corpus/*.jsonl", "there is no such bucket"),
        ("gs://bucket/a.jsonl", r"needs a package .*\(pip install dvc-gs\)"),
        ("az://bucket/a.jsonl", r"needs a package .*\(pip install dvc-azure\)"),
    ],
)
def test_a_url_that_cannot_be_is_refused(origins, s3: Server, pattern: str, message: str) -> None:
    s3.put("corpus/a.jsonl", LINES)
    with pytest.raises(SourceError, match=message) as caught:
        origins(pattern)
    assert "secret" not in str(caught.value)


def expire(s3: Server, monkeypatch) -> None:
    s3.way.refusal = 400, "ExpiredToken"


def deny(s3: Server, monkeypatch) -> None:
    s3.way.refusal = 403, "AccessDenied"


def refuse(s3: Server, monkeypatch) -> None:
    s3.check_keys()


def take_keys(s3: Server, monkeypatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


def go_away(s3: Server, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("pattern", "spoil", "reason"),
    [
        (EXACT, expire, "the credentials have expired"),
        (GLOB, expire, "the credentials have expired"),
        (EXACT, deny, "access is denied"),
        (GLOB, deny, "access is denied"),
        (EXACT, refuse, "the credentials are refused"),
        (EXACT, take_keys, "no credentials are found"),
        (EXACT, go_away, "the server does not answer"),
    ],
)
def test_a_store_that_refuses_says_why(
    origins, s3: Server, monkeypatch, pattern: str, spoil, reason: str
) -> None:
    s3.put("corpus/a.jsonl", LINES)
    spoil(s3, monkeypatch)
    with pytest.raises(SourceError, match=f"^{pattern[:12]}.* cannot be read: {reason}") as caught:
        origins(pattern)
    assert caught.value.hint and "\n" not in str(caught.value)


def run_ingest(source, pattern: str) -> None:
    ingest.run(ingest.IngestSettings(source=source("files", patterns=[pattern])))


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_a_connection_that_is_cut_leaves_nothing_and_a_retry_succeeds(
    source, project, s3: Server, ending: str
) -> None:
    content = LONG if ending == ".jsonl" else parquet(text=LONG.decode().splitlines())
    s3.put(f"corpus/a{ending}", content)
    s3.way.cut = 2000
    with pytest.raises(SourceError, match=f"a{ending} cannot be read: the connection broke off"):
        run_ingest(source, f"s3://bucket/corpus/a{ending}")
    assert [path.name for path in (project / "data").iterdir()] == ["input"]
    s3.way.cut = None
    run_ingest(source, f"s3://bucket/corpus/a{ending}")
    (entry,) = json.loads((project / "data/raw/sources.json").read_text())["sources"]
    assert entry["origin"] == f"s3://bucket/corpus/a{ending}" and entry["documents"] == 20000


def test_one_cut_is_mended_without_a_word(origins, s3: Server) -> None:
    s3.put("corpus/a.jsonl", LONG)
    s3.way.cut, s3.way.cuts = 2000, 1
    ((_, documents),) = origins(EXACT)
    assert len(documents) == 20000 and s3.way.cuts == 0


def test_credentials_that_expire_while_it_is_read_leave_nothing(
    source, project, s3: Server
) -> None:
    s3.put("corpus/a.jsonl", LONG * 4)
    settings = source("files", patterns=[EXACT])
    (origin,) = parts(settings)
    with (
        pytest.raises(SourceError, match="the credentials have expired"),
        atomic_directory(project / "data/raw"),
    ):
        for number, _ in enumerate(origin.documents):
            if number == 10:
                s3.way.refusal = 400, "ExpiredToken"
    assert not (project / "data/raw").exists()


def test_what_changes_while_it_is_read_is_refused(source, s3: Server) -> None:
    s3.put("corpus/a.jsonl", LINES)
    (origin,) = parts(source("files", patterns=[EXACT]))
    assert len(list(origin.documents)) == 2
    s3.put("corpus/a.jsonl", LINES + LINES)
    with pytest.raises(SourceError, match=f"{EXACT} changed while it was read: .* is now"):
        origin.sha256()


def test_a_torn_file_is_told_from_a_cut_connection(origins, s3: Server) -> None:
    s3.put("corpus/a.jsonl.gz", gzip.compress(LONG)[:-2000])
    with pytest.raises(SourceError, match=r"a.jsonl.gz cannot be read after document .*torn"):
        origins("s3://bucket/corpus/a.jsonl.gz")


def test_a_mixed_source_has_parts_at_a_url(source, s3: Server) -> None:
    s3.put("corpus/a.jsonl", LINES)
    far = source("files", patterns=[EXACT])
    mixed = MixedSettings(name="mixed", kind="mixed", parts={"far": far})
    assert [origin.origin for origin in parts(mixed)] == [EXACT]
