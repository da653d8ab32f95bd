"""What the class of a module says: where the neurons of its weights and outputs are, and if these are activations."""

from torch import nn

INPUTS_FIRST = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Embedding, nn.EmbeddingBag)
"""Modules whose weights are (input, neuron, ...) instead of (neuron, input, ...)."""
_CHANNELS_FIRST = (
    *(kind for name in nn.modules.conv.__all__ for kind in [getattr(nn, name)]),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)
"""Modules whose output is (sample, neuron, position ...)."""
_FEATURES_LAST = (nn.Linear, nn.Bilinear, nn.LayerNorm, nn.RMSNorm, nn.Embedding, nn.MultiheadAttention, nn.RNNBase)
"""Modules whose output is (sample, position ..., neuron)."""
_WIDTHS = ("out_channels", "out_features", "num_features", "num_channels", "embedding_dim", "embed_dim")
"""What these modules call the number of their neurons."""
_ACTIVATIONS = (
    *(getattr(nn, name) for name in nn.modules.activation.__all__ if name != "MultiheadAttention"),
    *(nn.RNNBase, nn.RNNCellBase),
)
"""Modules whose outputs are activations; recurrent layers have their activation functions inside."""


def is_of_channels(module: nn.Module) -> bool | None:
    """Return whether outputs of such a module are channels first; None if its kind does not say."""
    if isinstance(module, nn.LayerNorm | nn.RMSNorm) and len(module.normalized_shape) > 1:
        return None
    return isinstance(module, _CHANNELS_FIRST) if isinstance(module, _CHANNELS_FIRST + _FEATURES_LAST) else None


def width_of(module: nn.Module) -> int | None:
    """Return the number of neurons of a module of PyTorch, where it says it."""
    if isinstance(module, nn.LayerNorm | nn.RMSNorm):
        return module.normalized_shape[-1]
    return next((getattr(module, name) for name in _WIDTHS if hasattr(module, name)), None)


def is_activation(module: nn.Module, *, keeps_shape: bool) -> bool:
    """Return whether outputs of a module are activations.

    A class of another library is an activation function if it has no parameters and returns what has the shape of the
    output before it; dropout is none.
    """
    kind = type(module)
    of_pytorch = kind.__module__.partition(".")[0] == "torch"
    if of_pytorch or isinstance(module, _ACTIVATIONS) or not keeps_shape or "drop" in kind.__name__.lower():
        return isinstance(module, _ACTIVATIONS)
    return not [*module.parameters(), *module.buffers()]
