from collections.abc import Iterator

import pytest
from killer import Killer


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    killer = Killer(tmp_path_factory.mktemp("killer") / "log")
    yield killer
    killer.close()
