"""Network definitions, weights and data sets: everything up to the float graph."""
