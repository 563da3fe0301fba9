"""The demo shop belongs to whoever started it: it may be emptied for good."""

from __future__ import annotations

import pytest

from tests.e2e.live import LiveApp


@pytest.mark.timeout(180)
def test_that_sample_files_that_were_erased_do_not_come_back(fresh_app: LiveApp) -> None:
    fresh_app.start()
    assert len(fresh_app.sources()) > 1
    for source in fresh_app.sources():
        assert fresh_app.api("DELETE", f"/sources/{source['id']}")[0] == 200
        assert fresh_app.api("POST", f"/sources/{source['id']}/purge")[0] == 200
    fresh_app.restart()
    assert fresh_app.sources() == []
