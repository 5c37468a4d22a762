"""What every test can rely on."""

import signal

# A shell that starts us in the background has Ctrl-C ignored, which children inherit; the tests
# that press it need what a terminal gives.
signal.signal(signal.SIGINT, signal.default_int_handler)
