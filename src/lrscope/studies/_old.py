"""Studies that are still modules with `Options`, `experiments` and `findings`; goes when the last one is a `Study`."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pandas as pd
import xarray as xr

from lrscope.report import Animation, Figure, Section, Table
from lrscope.studies._findings import Chapter, Listed, Moving, Still
from lrscope.studies._study import Study


@dataclass(frozen=True)
class _Judged:
    """A claim that was judged already."""

    result: Any

    def judge(self, _results: xr.DataTree) -> Any:
        return self.result


def study_of(module: ModuleType, name: str) -> Study:
    """Return the study that such a module describes."""

    def analyse(records: Mapping[str, xr.Dataset], options: Any) -> xr.DataTree:
        results = xr.DataTree()
        results.attrs["findings"] = module.findings(records, options)
        return results

    def sections(results: xr.DataTree, _options: Any) -> list[Section]:
        findings = results.attrs["findings"]
        made = [_section(chapter) for chapter in findings.chapters]
        films = [_animation(film) for film in findings.films]
        return [*made, Section("Films", items=films)] if films else made

    return Study(
        name=name,
        title=name.capitalize(),
        question=_QUESTIONS[name],
        options=module.Options,
        experiments=lambda options: module.experiments(options),
        analyse=analyse,
        sections=sections,
        summary=lambda results, _options: results.attrs["findings"].summary,
        claims=lambda results: [_Judged(claim) for claim in results.attrs["findings"].claims],  # type: ignore[misc]
        resumable=frozenset(getattr(module, "FREE", ())),
        **{name: _late(module, name) for name in ("stream", "estimate") if name in module.__all__},
        unit=getattr(module, "UNIT", "network steps"),
    )


def _late(module: ModuleType, name: str) -> Any:
    """Return a function of the module that is imported when it is called."""
    return lambda *arguments, **options: getattr(module, name)(*arguments, **options)


_QUESTIONS = {
    "fluctuation": "Which neurons take part in learning, and how does that depend on the learning rate?",
    "stability": "When and why does training suddenly start to oscillate, and what announces it?",
}


def _section(chapter: Chapter) -> Section:
    items = [_item(item) for item in chapter.items if isinstance(item, Still | Listed)]
    return Section(chapter.title, chapter.text, items, chapter.collapsed)


def _item(item: Still | Listed) -> Figure | Table:
    if isinstance(item, Still):
        return Figure(item.name, item.title, item.caption, lambda _results, still=item: still.draw())  # type: ignore[misc]
    frame = pd.DataFrame(list(item.table.rows), columns=list(item.table.columns))
    return Table(item.name, item.table.title, lambda _results: frame, note=item.table.note)


def _animation(film: Moving) -> Animation:
    return Animation(film.name, film.name, "", lambda _results: film.draw(), appendix=False)
