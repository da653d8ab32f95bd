"""Reproductions of published experiments: each a study with its own analyses, figures and claims.

`fluctuation`, `stability` and `linearity`; `lrscope run NAME` trains one of them.
"""

__all__ = ["fluctuation", "linearity", "stability"]
