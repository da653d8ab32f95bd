"""How one network learns: update rules with the learning rate as an argument, losses, schedules of the step."""

from lrscope.optim._controllers import (
    Controller,
    Feedback,
    GradientAngle,
    Hypergradient,
    SharpnessCapped,
    is_controller,
)
from lrscope.optim._losses import LOSSES, LabelSmoothing, Loss, loss_function, takes_classes
from lrscope.optim._rules import OPTIMIZERS, SGD, Adam, AdamW, Number, Stability, UpdateRule, hyperparameters
from lrscope.optim._scheduler import GradientAngleLR, before_update
from lrscope.optim._schedules import Constant, Cosine, Exponential, Linear, Schedule, Triangle, WarmUp

__all__ = [
    "LOSSES",
    "OPTIMIZERS",
    "SGD",
    "Adam",
    "AdamW",
    "Constant",
    "Controller",
    "Cosine",
    "Exponential",
    "Feedback",
    "GradientAngle",
    "GradientAngleLR",
    "Hypergradient",
    "LabelSmoothing",
    "Linear",
    "Loss",
    "Number",
    "Schedule",
    "SharpnessCapped",
    "Stability",
    "Triangle",
    "UpdateRule",
    "WarmUp",
    "before_update",
    "hyperparameters",
    "is_controller",
    "loss_function",
    "takes_classes",
]
