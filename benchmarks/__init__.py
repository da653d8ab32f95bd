"""How fast lrscope is, as ratios within one run: ``make bench`` measures and writes ``docs/benchmarks.md``.

Times of one machine say little on another; ratios of programs that ran side by side do. Nothing here is a test.
"""
