"""Records on disk: ROOT files that are written while a network trains and read lazily, variable by variable.

The only folder that knows uproot. The layout is described in ``docs/file-format.md``.
"""

from lrscope.store._files import files_in, load_arrays, load_state, record_files, save_piece, save_state
from lrscope.store._index import FileIndex, TreeIndex, check, summary
from lrscope.store._reader import last_recorded, open_records
from lrscope.store._rootfile import write_histograms
from lrscope.store._writer import Writer, write

__all__ = [
    "FileIndex",
    "TreeIndex",
    "Writer",
    "check",
    "files_in",
    "last_recorded",
    "load_arrays",
    "load_state",
    "open_records",
    "record_files",
    "save_piece",
    "save_state",
    "summary",
    "write",
    "write_histograms",
]
