"""A plug that is pulled at random moments: no other line notices, and nothing leaks."""

from pathlib import Path

from tests.acceptance.unplug import campaign


async def test_pulled_again_and_again_it_is_heard_again_and_nobody_else_notices(
    tmp_path: Path,
) -> None:
    report = await campaign(tmp_path, 3, 5)
    assert report.good, report
