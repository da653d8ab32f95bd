"""Run one case, given as ``module:function`` and its arguments in JSON, and print its figures: for `benchmarks.rounds`.

Every case has the figure ``seconds``; one that returns figures of its own has these, too.
"""

import importlib
import json
import sys
import time

if __name__ == "__main__":
    module, _, function = sys.argv[1].partition(":")
    case = getattr(importlib.import_module(module), function)
    arguments = [json.loads(argument) for argument in sys.argv[2:]]
    start = time.perf_counter()
    figures = case(*arguments) or {}
    print(json.dumps({"seconds": time.perf_counter() - start, **figures}))
