"""The training of the study `fluctuation`."""

from lrscope import probes
from lrscope.data import Shape
from lrscope.models import Autoencoder
from lrscope.optim import Adam
from lrscope.papers.fluctuation._options import Options
from lrscope.probes import every
from lrscope.training import Experiment, Sweep


def experiments(options: Options) -> dict[str, Experiment]:
    """Return the paper's experiment: the autoencoder, Adam, mean squared error, everything recorded every epoch."""
    epoch = every(1, "epoch")
    paper = Experiment(
        data=Shape(options.shapes[0], samples=options.samples, noise=options.noise, rotation=options.rotation),
        model=Autoencoder(),
        loss="mse",
        optimizer=Adam(),
        sweep=Sweep(shape=options.shapes, lr=options.lrs, seed=range(options.seeds)),
        epochs=options.epochs,
        batch_size=options.batch_size,
        probes=(
            probes.Loss(),
            probes.LearningRate(when=epoch),
            probes.GradientNorm(when=epoch),
            probes.UpdateSize(when=epoch),
            probes.Weights(),
            probes.Biases(),
            probes.Activations(),
            probes.Gradients(),
            probes.Outputs(),
        ),
    )
    return {"records": paper}
