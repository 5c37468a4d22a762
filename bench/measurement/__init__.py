"""Values and arithmetic of measurements: nothing is opened, started or printed here."""
