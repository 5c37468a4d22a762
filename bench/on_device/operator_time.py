"""The time of one operator over several runs, as a result gives it."""

PROFILE_WARMUP_RUNS = 5


def operator_time(name, kind, times_us, delegated):
    """An operator as a result gives it: the mean of the middle half of its times, since a single
    run in which another process had the core would outweigh all others."""
    quarter = len(times_us) // 4
    middle = sorted(times_us)[quarter : len(times_us) - quarter]
    mean_ns = 1000 * sum(middle) / len(middle)
    return {"name": name, "kind": kind, "mean_ns": mean_ns, "delegated": delegated}
