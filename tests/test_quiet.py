"""Other libraries are kept quiet, and left as they were."""

import logging
import sys
import warnings

import pytest

from crackwise.quiet import quietly


def test_a_library_is_kept_quiet_and_its_logger_left_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("talkative")
    before = logger.level
    with quietly("talkative"):
        assert not logger.isEnabledFor(logging.WARNING)
        warnings.warn("of its own insides", stacklevel=1)
        sys.stdout.write("half done\n")
    assert logger.level == before
    assert capsys.readouterr() == ("", "half done\n")
