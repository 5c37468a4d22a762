"""What a command prints: lines, tables, warnings."""
