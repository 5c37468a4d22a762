"""Programs that are pushed to a device: the runner (all files but one, packed as one archive with
``quantize/runtime`` and ``models/scratch``) and the lease agent, one file by itself. Python 3.9 and
the standard library; the runner also needs numpy and the runtime that its job names."""
