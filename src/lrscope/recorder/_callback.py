"""What the callbacks of Trainers share: they hold a Recorder's arguments until the training begins."""

import os
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Unpack

from lrscope.errors import must_be
from lrscope.probes import Every, Probe
from lrscope.recorder._attaching import Options, Settings
from lrscope.recorder._cadence import Cost
from lrscope.recorder._recorder import Recorder

KEY = "lrscope"
"""Where a checkpoint has the run id."""


class TrainerRecorder:
    """The arguments of a Recorder, without model and optimiser, and the Recorder once there is one."""

    _METRICS: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Name in the Trainer's log -> name in the records, unless others are given."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        probes: Iterable[Probe] | None = None,
        when: Any = Every(),  # noqa: B008  frozen
        metrics: dict[str, str] | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__()
        Settings(**options)
        self._path, self._probes, self._when, self._options = path, probes, when, options
        self._metrics = dict(self._METRICS if metrics is None else metrics)
        self._recorder: Recorder | None = None

    @property
    def cost(self) -> Cost | None:
        """What recording has cost; None before training."""
        return None if self._recorder is None else self._recorder.cost

    def _begin(self, model: Any, optimizers: Any, options: Options) -> Recorder:
        self._recorder = Recorder(model, self._path, optimizers, probes=self._probes, when=self._when, **options)
        return self._recorder

    def _refuse_a_second(self, use: str) -> None:
        remedy = "Make a new one for it, with another path: a file has the steps of one training."
        raise must_be(f"a {type(self).__name__}", f"used for one {use}", f"a second one, into {self._path}", remedy)

    def _note(self, logged: Mapping[str, Any]) -> None:
        """Record the metrics among what was logged between two steps."""
        if self._recorder is not None:
            self._recorder.note(**{ours: logged[name] for name, ours in self._metrics.items() if name in logged})
