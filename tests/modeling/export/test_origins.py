"""Sources as people read them."""

from stemma.modeling.export.origins import grouped


def entry(name: str, origin: str, license: str = "MIT", documents: int = 1) -> dict[str, object]:
    sizes = {"documents": documents, "bytes": 10 * documents, "sha256": name * 4}
    return {"name": name, "origin": origin, "version": "", "license": license, **sizes}


def test_the_files_of_a_user_are_one_line_for_each_licence():
    files = [entry(f"{number}.txt", f"data/input/{number}.txt") for number in range(40)]
    deep = entry("poems/a.md", "data/input/poems/a.md", documents=3)
    other = entry("b.txt", "data/input/b.txt", "CC0-1.0")
    hub = entry("owner/name", "hf://datasets/owner/name", documents=7)
    told = grouped([*files, hub, deep, other])
    assert [(one["name"], one["origin"], one["documents"]) for one in told] == [
        ("41 files", "data/input", 43),
        ("owner/name", "hf://datasets/owner/name", 7),
        ("b.txt", "data/input/b.txt", 1),
    ]
    assert [(one["bytes"], one["sha256"]) for one in told[:2]] == [(430, ""), (70, hub["sha256"])]
    assert grouped([]) == []


def test_parts_of_one_origin_at_two_versions_stay_apart():
    old, new = ({**entry("x", "pypi:x"), "version": version} for version in ("1", "2"))
    assert [one["version"] for one in grouped([old, new, {**new, "name": "y"}])] == ["1", "2"]
