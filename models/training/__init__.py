"""The training recipe of the demo checkpoints."""
