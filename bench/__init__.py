"""Running artifacts on devices: latency, accuracy, records, gates."""
