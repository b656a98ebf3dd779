"""What holds for every test."""

import signal

import pytest

pytest.register_assert_rewrite("tests.acceptance", "tests.chain", "tests.process", "tests.terminal")

# A shell's background job ignores Ctrl-C; so would every process that tests start and end by it.
signal.signal(signal.SIGINT, signal.default_int_handler)
