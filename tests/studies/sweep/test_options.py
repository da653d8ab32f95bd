"""What the study refuses: one sentence with exit code 2, and nothing is written."""

import numpy as np
import pytest

from lrscope.data import Samples
from lrscope.errors import InputError
from lrscope.studies._samples import checked
from lrscope.studies.sweep import Options

RUN = ["run", "sweep", "--out", "new", "--seeds", "2", "--lrs", "0.001", "0.01", "--batch-size", "16"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--jobs", "2"], "--jobs must be followed by a command to train by; got none. Write for example: lrscope run "
         "sweep --jobs ... -- python train.py --lr {lr} --seed {seed} --out {out}"),
        (["--tolerance", "5"], "tolerance must be less than 1; got '5'. Write 5% as 0.05."),
        (["--model", "cnnn"], "model must be one of cnn, package.module:function; got 'cnnn'. Did you mean 'cnn'?"),
        (["--loss", "mse"], "loss must be cross_entropy for targets that are whole numbers; got 'mse'. "
         "Give them as floating numbers to learn them as numbers."),
        (["--budget", "3", "--until-decided"], "budget must be at least the 4 trainings of the first round; got 3. "
         "Ask for fewer rates or seeds, or more budget."),
        (["--budget", "99"], "budget must be given with --until-decided only; got 99."),
        (["--crossed-seeds", "1"], "crossed_seeds must be 0, or at least 2 to compare; got 1."),
        (["--batch-size", "1439"], "batch_size must be at most the 1438 samples to learn from; got 1439."),
        (["--optimizer", "adma"], "optimizer must be 'adam', 'adamw', 'sgd', 'momentum' or 'nesterov'; got 'adma'."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_wrong_option_is_one_sentence(refused, words, sentence):
    assert refused(*RUN, *words) == sentence


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nothing_out", "data must be a data set with validation samples, to compare rates by; "
         "got 'own_things:nothing_out'. Give it as ((inputs, targets), (inputs, targets)): to learn from, "
         "and validation."),
        ("no_number", "data must be finite numbers of 32 bits; got 'own_things:no_number, whose inputs have 21 values "
         "that are not'. Leave these samples out, or fill them in."),
        ("infinite", "data must be finite numbers of 32 bits; got 'own_things:infinite, whose targets have 5 values "
         "that are not'. Leave these samples out, or fill them in."),
        ("unlucky", "the model's output for a sample must be one number for each of the 10 classes of the targets; "
         "got 'shape (4,)'."),
        ("validation_alone", "the model's output for a sample must be one number for each of the 8 classes of the "
         "targets; got 'shape (4,)'."),
    ],
)  # fmt: skip
def test_data_of_ones_own_that_cannot_be_learned_is_one_sentence(refused, own, name, sentence):
    assert sentence in refused(*RUN, "--data", f"{own}:{name}", "--model", f"{own}:network")


def test_a_network_of_ones_own_that_does_not_fit_is_one_sentence(refused, own):
    sentence = refused(*RUN, "--model", f"{own}:two_outputs", "--data", f"{own}:ARRAYS")
    assert sentence.startswith("model and loss must accept inputs (16, 6) and targets (16,); PyTorch says: ")


def test_a_network_that_cannot_be_trained_is_refused_before_anything_is_written(refused, own):
    sentence = refused(*RUN, "--model", f"{own}:Branches", "--data", f"{own}:ARRAYS")
    assert sentence.startswith("model must be trainable under torch.func.vmap.")
    assert "without branches on values" in sentence


def test_the_network_of_the_source_takes_images_only(refused, own):
    allowed = "one for the data; cnn takes images (channel, height, width) of 4 by 4 pixels or more, as floats"
    got = "cnn for samples of shape (6,) of float32"
    remedy = "Give a model of your own as package.module:function."
    assert refused(*RUN, "--data", f"{own}:ARRAYS") == f"model must be {allowed}; got {got!r}. {remedy}"


def test_a_cross_entropy_of_numbers_is_one_sentence(refused, own):
    words = ["--data", f"{own}:sums", "--model", f"{own}:one_output", "--loss", "cross_entropy"]
    allowed = "mse, half_mse or l1 for targets that are neither classes nor shares of classes"
    assert refused(*RUN, *words) == f"loss must be {allowed}; got 'cross_entropy'."


def test_the_rates_are_ordered_and_counted():
    options = Options(lrs=("1e-3", 0.1, "1e-4"), seeds=3)
    assert options.lrs == (0.0001, 0.001, 0.1)
    assert (options.first_round, options.trainings) == (9, 9)
    assert Options(lrs=("1e-4:1e-1:4",), seeds=2, until_decided=True).trainings == 4 * 8
    assert Options(lrs=("1e-4:1e-1:4",), seeds=2, until_decided=True, budget=8).trainings == 8


def test_samples_of_one_class_are_named_as_such():
    inputs, classes = np.zeros((4, 2)), np.full(4, 3)
    with pytest.raises(InputError, match="all of class 3"):
        checked("mine", Samples(inputs, classes, validation=(inputs, classes)))
    numbers = Samples(inputs, np.zeros((4, 1)), validation=(inputs, np.zeros((4, 1))))
    assert checked("mine", numbers)[0] is numbers.arrays()
