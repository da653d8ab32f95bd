"""How consecutive steps lie to each other: the gradient's angle and path, and what of the update oscillates."""

from collections.abc import Mapping

import torch
from torch import Tensor

from lrscope import trees
from lrscope.probes._moment import Every, Moment, Probe, State, When
from lrscope.probes._structure import Structure, share_labels, shares
from lrscope.records import Variable
from lrscope.specification import specification


@specification
class GradientAngle(Probe):
    """The angle between the gradient of the step and that of the step before, in degrees, 0 to 180.

    Near 0 while training goes straight on; above 90 where it goes back and forth across a valley. NaN at step 0, and
    where a gradient is zero.

    References
    ----------
    Peeters: Experiment 1B, a deeper look into the basic neural network (2025), section 2.1.
    """

    when: When = Every()
    variables = (Variable("gradient_angle", "gradient_angle", "angle between consecutive gradients", "degrees"),)
    looks_back = 1.0

    def init(self, parameters: Mapping[str, Tensor]) -> State:
        """Return a last gradient of zero, which has no angle to anything."""
        return {"gradient": torch.zeros_like(trees.flatten(parameters))}

    def follow(self, state: State, moment: Moment) -> State:  # noqa: ARG002  the new gradient replaces the old
        """Remember the gradient."""
        return {"gradient": moment.gradient}

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the angle."""
        return {"gradient_angle": trees.angle(moment.gradient, state["gradient"])}, self.follow(state, moment)


@specification
class GradientPath(Probe):
    """The gradients of all steps so far as arrows in a plane, one after the other: where the last of them ends.

    Each arrow is as long as the gradient and turned from the one before by their angle, to alternating sides. So a
    straight line means that the gradient keeps its direction, and a zigzag that it turns at every step.

    References
    ----------
    Peeters: Experiment 1B, a deeper look into the basic neural network (2025), figure 2.
    """

    when: When = Every()
    variables = (Variable("gradient_path", "gradient_path", "path of the gradient", dims=("path_axis",)),)

    def init(self, parameters: Mapping[str, Tensor]) -> State:
        """Return a path that begins at the origin, along the first axis."""
        vector = trees.flatten(parameters)
        zero = vector.new_zeros(())
        return {"gradient": torch.zeros_like(vector), "end": vector.new_zeros(2), "heading": zero, "side": zero + 1}

    def follow(self, state: State, moment: Moment) -> State:
        """Append the arrow of the step."""
        turn = torch.deg2rad(trees.angle(moment.gradient, state["gradient"])).nan_to_num(0.0)
        heading = state["heading"] + state["side"] * turn
        arrow = trees.norm(moment.gradient) * torch.stack([torch.cos(heading), torch.sin(heading)])
        return {
            "gradient": moment.gradient,
            "end": state["end"] + arrow,
            "heading": heading,
            "side": -state["side"],
        }

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the end of the arrow of the step."""
        after = self.follow(state, moment)
        return {"gradient_path": after["end"]}, after


@specification
class Oscillation(Probe):
    """How much of the update goes back and forth with period two, and which neurons carry that part.

    An update and the one before, u and w, are the sum and the difference of a drift (u + w) / 2 and an oscillation
    (u - w) / 2. ``oscillation`` is the share of the latter, by squared length: 0 where both updates are the same, 1
    where the second undoes the first. ``oscillation_share_<layer>`` (neuron) deals it to the neurons; all layers
    together make 1. NaN at step 0; the shares also where nothing oscillates.
    """

    when: When = Every()
    looks_back = 1.0

    def labels(self, structure: Structure) -> tuple[Variable, ...]:
        """Return the labels of ``oscillation`` and, for each layer, ``oscillation_share_<layer>`` (neuron)."""
        whole = Variable("oscillation", "oscillation", "share of the update that oscillates")
        return (whole, *share_labels("oscillation_share", "share of the oscillation", structure))

    def init(self, parameters: Mapping[str, Tensor]) -> State:
        """Return a last update of zero, of no step."""
        vector = trees.flatten(parameters)
        return {"update": torch.zeros_like(vector), "steps": vector.new_zeros(())}

    def follow(self, state: State, moment: Moment) -> State:
        """Remember the update."""
        return {"update": moment.update, "steps": state["steps"] + 1}

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the share of the oscillation, and each neuron's part of it."""
        before = torch.where(state["steps"] > 0, state["update"], torch.nan)
        turning, drift = (moment.update - before).square(), (moment.update + before).square()
        values = {"oscillation": turning.sum() / (turning.sum() + drift.sum())}
        values |= shares("oscillation_share", turning, moment.structure)
        return values, self.follow(state, moment)
