"""x"""


def findings(a, b): ...
