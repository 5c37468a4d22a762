"""One bench at a time on a device, and nothing left running there."""
