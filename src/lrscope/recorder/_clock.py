"""The clock of a Recorder. All its seconds are read here, so that a test can give it other ones."""

import time

now = time.perf_counter
