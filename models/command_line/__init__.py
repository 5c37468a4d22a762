"""Command lines: options, exit codes, errors, progress."""
