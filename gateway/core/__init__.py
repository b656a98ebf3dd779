"""The words of the domain and its rules: pure, without I/O, clock or log."""
