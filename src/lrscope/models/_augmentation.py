"""Images flipped and shifted at random while a network learns, and where its random numbers come from."""

import torch
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function_unary


def member_rand(inputs: Tensor, count: int) -> Tensor:
    """Return random numbers (sample, count) from 0 up to, not including, 1; float64, on the device of the inputs.

    What a module of your own calls in its `forward` where it needs chance. In a plain loop the numbers come from
    PyTorch's generator; inside an experiment they are the member's own, a function of its noise seed, the step and how
    many calls came before, so that it does not matter who is trained beside it.

    Parameters
    ----------
    inputs : (sample, ...)

    Examples
    --------
    >>> member_rand(torch.zeros(3, 1, 8, 8), 2).shape
    torch.Size([3, 2])
    """
    if has_torch_function_unary(inputs):
        drawn: Tensor = handle_torch_function(member_rand, (inputs,), inputs, count)
        return drawn
    return torch.rand(len(inputs), count, dtype=torch.float64, device=inputs.device)


class FlipShift(nn.Module):
    """In training mode each image is mirrored with probability 1/2, and moved by whole pixels, up to `shift` each way.

    What comes in at an edge is the image reflected there, as `torch.nn.functional.pad` does it (``reflect``). In
    evaluation mode images stay as they are.

    Parameters
    ----------
    shift : pixels at most; less than an image has
    flips : whether to mirror left and right at all

    Examples
    --------
    >>> image = torch.arange(3.0).view(1, 1, 1, 3)
    >>> FlipShift(shift=0).eval()(image).flatten()
    tensor([0., 1., 2.])
    """

    def __init__(self, shift: int = 2, flips: bool = True) -> None:
        super().__init__()
        self.shift, self.flips = shift, flips

    def forward(self, images: Tensor) -> Tensor:
        """Return images of the same shape, (sample, channel, height, width)."""
        if not self.training:
            return images
        height, width = images.shape[-2:]
        down, right, side = member_rand(images, 3).unbind(1)
        rows = self._moved(down, height)
        columns = self._moved(right, width)
        if self.flips:
            columns = torch.where(side[:, None] < 0.5, columns, width - 1 - columns)
        pixels = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)
        flat = images.flatten(2)
        return flat.gather(2, pixels[:, None].expand(flat.shape)).view(images.shape)

    def _moved(self, numbers: Tensor, size: int) -> Tensor:
        """Return which positions (sample, size) of the image come to lie where, from numbers (sample) in [0, 1)."""
        offsets = (numbers * (2 * self.shift + 1)).long() - self.shift
        positions = (torch.arange(size, device=numbers.device) + offsets[:, None]).abs()
        return size - 1 - (size - 1 - positions).abs()
