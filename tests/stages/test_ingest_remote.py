"""A corpus on S3 under DVC: watched, not copied, and its URL shown."""

import hashlib
import json

from buckets import Server
from project import Project

from stemma.store.objects import path_in
from stemma.store.version import Tree
from stemma.versions.contents.code import is_folder_of_code, run_by
from stemma.versions.differences.data.files import inputs

URL = "s3://bucket/corpus"
OVERRIDE = f'source.patterns=["{URL}/*.jsonl"]'


def test_a_corpus_on_s3_is_watched_and_not_copied(project: Project, s3: Server) -> None:
    content = (project.path / "data/input/scenes.jsonl").read_bytes()
    s3.put("corpus/a.jsonl", content)
    (project.path / "data/input/scenes.jsonl").unlink()
    pipeline = (project.path / "dvc.yaml").read_text()
    project.run(["stemma", "compose", OVERRIDE])
    refused = project.run("dvc repro ingest", check=False)
    assert f"add `- {URL}` to deps of ingest in dvc.yaml" in refused.stderr

    added = pipeline.replace("      - data/input\n", f"      - data/input\n      - {URL}\n", 1)
    (project.path / "dvc.yaml").write_text(added)
    project.run("dvc repro ingest")
    (entry,) = json.loads((project.path / "data/raw/sources.json").read_text())["sources"]
    assert entry["origin"] == f"{URL}/a.jsonl" and entry["name"] == "bucket/corpus/a.jsonl"
    assert entry["version"] == hashlib.md5(content).hexdigest(), "the ETag of one part"
    assert [file.name for file in (project.path / "data/input").iterdir()] == ["README.md"]
    assert not path_in(project.path / ".dvc/cache", entry["version"]).exists()
    assert f"from {URL}/a.jsonl" in project.run("stemma show").stdout

    before = entry["documents"]
    s3.put("corpus/a.jsonl", content + b'{"name": "new", "text": "Enter a ghost."}\n')
    assert f"modified:           {URL}" in project.run("dvc status ingest").stdout
    project.run("dvc repro ingest")
    (entry,) = json.loads((project.path / "data/raw/sources.json").read_text())["sources"]
    assert entry["documents"] == before + 1

    project.commit("From S3")
    tree = Tree(project.path)
    ingest = next(stage for stage in tree.stages() if stage.name == "ingest")
    (dep,) = [dep for dep in ingest.deps if dep.is_external]
    assert dep.path == URL and dep.md5.endswith(".dir") and not is_folder_of_code(dep)
    assert URL not in run_by(tree.stages()) and inputs(tree)[URL] == dep.md5
