"""The gates: exported files against the limits of gate.toml."""
