"""The output of a command: lines, tables, warnings."""
