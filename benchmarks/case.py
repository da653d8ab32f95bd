"""Run one case, given as ``module:function``, and print its seconds: for `benchmarks.rounds`."""

import importlib
import sys
import time

if __name__ == "__main__":
    module, _, function = sys.argv[1].partition(":")
    case = getattr(importlib.import_module(module), function)
    start = time.perf_counter()
    case()
    print(time.perf_counter() - start)
