"""How one network learns: update rules with the learning rate as an argument, losses, schedules of the step."""

from lrscope.optim._losses import LOSSES, Loss, loss_function
from lrscope.optim._rules import SGD, Adam, AdamW, Number, UpdateRule, numbers_of
from lrscope.optim._schedules import Constant, Cosine, Linear, Schedule, WarmUp

__all__ = [
    "LOSSES",
    "SGD",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Linear",
    "Loss",
    "Number",
    "Schedule",
    "UpdateRule",
    "WarmUp",
    "loss_function",
    "numbers_of",
]
