"""The networks of the studies.

A model is any callable without arguments that returns an `nn.Module`; those here are frozen specifications, so that
an experiment can be written down. Modules of your own draw random numbers with `member_rand`.
"""

from lrscope.models._augmentation import FlipShift, member_rand
from lrscope.models._imported import Imported
from lrscope.models._networks import CNN, MLP, Autoencoder, Perceptron
from lrscope.models._resnet import FastResNet

__all__ = ["CNN", "MLP", "Autoencoder", "FastResNet", "FlipShift", "Imported", "Perceptron", "member_rand"]
