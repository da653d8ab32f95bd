"""What was found, told in one HTML file that opens offline; and the same in files that other programs read.

A `Report` is frozen data: a question, its answer in plain words, `Claim` by `Claim` what the source stated and what was
measured, and `Section` by `Section` its tables, pictures and interactive figures. `write_html` makes the page. The page
asks the network for nothing, and the same report always gives the same bytes.
"""

from lrscope.report._files import write_claims, write_picture, write_table
from lrscope.report._film import write_film
from lrscope.report._html import render, write_html
from lrscope.report._parts import Claim, Interactive, Picture, Report, Section, Table, verdict

__all__ = [
    "Claim",
    "Interactive",
    "Picture",
    "Report",
    "Section",
    "Table",
    "render",
    "verdict",
    "write_claims",
    "write_film",
    "write_html",
    "write_picture",
    "write_table",
]
