"""The parts that every measuring command shares."""
