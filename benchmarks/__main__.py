"""Run every benchmark and write docs/benchmarks.md."""

from pathlib import Path

from benchmarks import fluctuation, stability, sweep
from benchmarks.rounds import machine

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `make bench`. Only ratios within one run count: the machine is {machine}.

"""


def main() -> None:
    text = HEAD.format(machine=machine()) + "\n".join(part.page() for part in (fluctuation, stability, sweep))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
