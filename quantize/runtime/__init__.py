"""Model files opened and run in their runtimes; packed into the runner that goes to a device too.

Python 3.9, the standard library and numpy; a runtime is imported when a session of it is made.
"""
