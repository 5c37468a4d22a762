"""The native runner (android_harness/), built and bundled with what it needs."""
