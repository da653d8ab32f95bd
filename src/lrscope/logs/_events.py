"""TensorBoard's event files; the only file here that imports the library."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tensorboard.backend.event_processing.event_accumulator import SCALARS, TENSORS, EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray

from lrscope.logs._rows import Curves

SESSION_START = "_hparams_/session_start_info"
"""Tag of the hyperparameters of a run."""


def scalars(folder: Path) -> Curves:
    """Return the scalars of all event files of one folder, each value of every tag."""
    events = EventAccumulator(str(folder), size_guidance={SCALARS: 0, TENSORS: 0}).Reload()
    curves: Curves = {}
    for tag in events.Tags()[SCALARS]:
        own = events.Scalars(tag)
        curves[tag] = _curve([event.step for event in own], [event.value for event in own])
    for tag in events.Tags()[TENSORS]:  # how TensorFlow 2 writes scalars
        content = events.SummaryMetadata(tag).plugin_data.plugin_name
        if content == "scalars":
            own = events.Tensors(tag)
            curves[tag] = _curve(
                [event.step for event in own], [float(make_ndarray(event.tensor_proto)) for event in own]
            )
    return curves


def hyperparameters(folder: Path) -> dict[str, Any]:
    """Return the hyperparameters in the event files of one folder; none, if there are none."""
    events = EventAccumulator(str(folder)).Reload()
    try:
        content = events.PluginTagToContent("hparams")[SESSION_START]
    except KeyError:
        return {}
    session = HParamsPluginData.FromString(content).session_start_info
    kinds = ("number_value", "string_value", "bool_value")
    return {
        name: getattr(value, value.WhichOneof("kind"))
        for name, value in session.hparams.items()
        if value.WhichOneof("kind") in kinds
    }


def _curve(steps: list[int], values: list[float]) -> "pd.Series[float]":
    curve = pd.Series(np.array(values, dtype=np.float64), index=np.array(steps, dtype=np.int64))
    return curve[~curve.index.duplicated(keep="last")].sort_index()
