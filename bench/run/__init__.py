"""``bench run``: exported files timed and evaluated."""
