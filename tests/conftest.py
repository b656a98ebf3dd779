"""What holds for every test."""

import signal

# A shell's background job ignores Ctrl-C; so would every process that tests start and end by it.
signal.signal(signal.SIGINT, signal.default_int_handler)
