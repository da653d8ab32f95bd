"""The command line: parse and print, nothing else. PyTorch is imported by the commands that train, and only there."""

from lrscope.cli._main import main

__all__ = ["main"]
