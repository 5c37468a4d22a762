"""The search over quantization methods, cheapest first."""
