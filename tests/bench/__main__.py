"""`python -m tests.bench` does what `make bench` does."""

from tests.bench.run import main

main()
