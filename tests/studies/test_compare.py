"""Two rates compared, from files: what is taken, what is paired, what is said."""

import json
import re

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from lrscope import store
from lrscope.cli import main
from lrscope.errors import InputError
from lrscope.records import DIVERGED_AT, Variable, new_block
from lrscope.studies import compare, compared_json, compared_tables, verdict

LRS = (0.01, 0.0115949, 0.1)
STEPS = 4


def block(axes, values, diverged=(), steps=STEPS, name="loss", first=0):
    """Return records (member, step) of networks on a grid: a quantity that falls to `values` (axis, ...) at the end."""
    columns = np.meshgrid(*axes.values(), indexing="ij")
    final = np.asarray(values, dtype=float).ravel()
    course = final[:, None] + np.arange(steps - 1, -1, -1)
    at = np.full(course.shape, -1)
    for member, step in dict(diverged).items():
        at[member, step:] = step
        course[member, step:] = np.nan
    members = {
        "member": first + np.arange(len(final)),
        **dict(zip(axes, (one.ravel() for one in columns), strict=True)),
    }
    labels = {one: Variable(one, one, one.replace("_", " ")) for one in (name, DIVERGED_AT)}
    attrs = {axis: {"long_name": axis, "scale": "log" if axis == "lr" else "category"} for axis in axes}
    whole = {name: course, DIVERGED_AT: at}
    return new_block(whole, labels, {"step": np.arange(steps)}, members, attrs, dict.fromkeys(labels, "step"))


def drawn(*sizes):
    return np.random.default_rng(0).normal(1, 0.1, sizes)


@pytest.fixture
def file(tmp_path):
    def write(records: xr.Dataset):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.root"
        store.write(path, [records], {})
        return path

    return write


def only(found):
    ((_labels, result),) = found.results
    return result


def test_networks_of_a_seed_are_compared_at_their_last_step(file):
    values = drawn(3, 6)
    found = compare([file(block({"lr": LRS, "seed": range(6)}, values))], (0.1, 0.01))
    theirs = scipy.stats.ttest_rel(values[2], values[0])
    assert float(only(found)["p_value"]) == pytest.approx(theirs.pvalue)
    assert found.metric == "loss"
    assert found.over == "seed"
    assert found.steps == (STEPS - 1, STEPS - 1)


def test_three_digits_are_enough_to_name_a_rate(file):
    path = file(block({"lr": LRS, "seed": range(3)}, drawn(3, 3)))
    assert compare([path], (0.0116, 0.1)).results[0][1]["lr"].values.tolist() == [0.0115949, 0.1]
    assert compare([path], (0.01, 0.1)).results[0][1]["lr"].values.tolist() == [0.01, 0.1]
    with pytest.raises(
        InputError, match=r"^lr must be a rate that was trained; got 0.012. The nearest: 0.01 and 0.0115949"
    ):
        compare([path], (0.012, 0.1))


def test_another_step_is_that_of_the_networks_there(file):
    values = drawn(2, 4)
    path = file(block({"lr": [0.01, 0.1], "seed": range(4)}, values, diverged={5: 2}))
    early, late = compare([path], (0.01, 0.1), at=1), compare([path], (0.01, 0.1))
    assert only(early)["diverged"].values.tolist() == [0, 0]  # it diverged later
    assert only(late)["diverged"].values.tolist() == [0, 1]
    assert float(only(early)["difference"]) == pytest.approx((values[0] - values[1]).mean())
    assert early.steps == (1, 1)
    with pytest.raises(InputError, match=r"^at must be a step at which loss was logged; got 9. The nearest: 2 and 3.$"):
        compare([path], (0.01, 0.1), at=9)


def test_trainings_of_different_length_are_noticed(tmp_path):
    files = []
    for seed, steps in enumerate((3, 4, 5)):
        path = tmp_path / f"{seed}.root"
        store.write(path, [block({"lr": [0.01, 0.1], "seed": [seed]}, drawn(2, 1), steps=steps, first=2 * seed)], {})
        files.append(path)
    found = compare(files, (0.01, 0.1))
    assert found.steps == (2, 4)
    assert "The networks end at different steps (2 to 4): --at chooses one that all have." in verdict(found)
    assert int(only(found)["pairs"]) == 3
    assert compare(files, (0.01, 0.1), at=2).steps == (2, 2)


def test_every_value_of_another_axis_is_a_case(file):
    values = drawn(2, 2, 5)
    values[1, 1] += np.linspace(0.5, 0.6, 5)  # spiral at 0.1
    path = file(block({"shape": ["circle", "spiral"], "lr": [0.01, 0.1], "seed": range(5)}, values.round(2)))
    found = compare([path], (0.01, 0.1))
    assert [labels for labels, _ in found.results] == [{"shape": "circle"}, {"shape": "spiral"}]
    assert verdict(found)[0].startswith("0.01 beats 0.1 in 1 of 2 cases (shape), in loss; the others may be chance.")
    (table,) = compared_tables(found)
    assert list(table)[:3] == ["shape", "0.01", "0.1"]
    assert table["shape"].tolist() == ["circle", "spiral"]
    one = compare([path], (0.01, 0.1), where={"shape": "spiral"})
    xr.testing.assert_identical(only(one), found.results[1][1])
    with pytest.raises(
        InputError, match=r"^shape must be one of circle, spiral; got 'spirl'. Did you mean 'spiral'\?$"
    ):
        compare([path], (0.01, 0.1), where={"shape": "spirl"})
    with pytest.raises(InputError, match=r"^where must be one of shape, seed; got 'shap'. Did you mean 'shape'\?$"):
        compare([path], (0.01, 0.1), where={"shap": "spiral"})


def test_an_axis_may_be_called_as_a_column(file):
    found = compare([file(block({"p": [0.0, 0.5], "lr": [0.01, 0.1], "seed": range(5)}, drawn(2, 2, 5)))], (0.01, 0.1))
    (table,) = compared_tables(found)
    assert list(table)[:3] == ["p", "0.01", "0.1"]
    assert table["p"].iloc[:, 0].tolist() == ["0.0", "0.5"]


def test_a_case_that_cannot_be_compared_is_shown_without_numbers(file):
    axes = {"shape": ["circle", "spiral"], "lr": [0.01, 0.1], "seed": range(3)}
    values = drawn(2, 2, 3)
    values[1, 1] = np.nan  # was not trained
    found = compare([file(block(axes, values))], (0.01, 0.1))
    assert len(found.results) == 1
    assert len(found.cases) == 2
    (table,) = compared_tables(found)
    assert set(table.iloc[1, 1:]) == {"\N{EN DASH}"}


def test_numbers_select_a_value_however_they_are_written(file):
    path = file(block({"lr": [0.01, 0.1], "width": [16, 32], "seed": range(3)}, drawn(2, 2, 3)))
    assert [labels for labels, _ in compare([path], (0.01, 0.1), where={"width": "32.0"}).results] == [{"width": 32}]


def test_networks_that_share_seeds_are_not_taken_for_independent(file):
    path = file(block({"lr": [0.01, 0.1], "init_seed": range(3), "order_seed": range(3)}, drawn(2, 3, 3)))
    sentence = (
        "records must have one axis of seeds; got init_seed and order_seed, whose networks share seeds. "
        "Add for example --where order_seed=0."
    )
    with pytest.raises(InputError, match=f"^{sentence}$"):
        compare([path], (0.01, 0.1))
    assert compare([path], (0.01, 0.1), where={"order_seed": "0"}).over == "init_seed"


def test_an_axis_of_ones_own_is_paired_if_there_is_no_other(file):
    found = compare([file(block({"lr": [0.01, 0.1], "run": ["a", "b", "c"]}, drawn(2, 3)))], (0.01, 0.1))
    assert found.over == "run"
    assert int(only(found)["pairs"]) == 3
    with pytest.raises(
        InputError, match=r"^records must have an axis of seeds; got run and day. Add for example --where"
    ):
        compare([file(block({"lr": [0.01, 0.1], "run": [0, 1], "day": [0, 1]}, drawn(2, 2, 2)))], (0.01, 0.1))


def test_records_without_rates_are_refused(file):
    path = file(block({"seed": range(3)}, drawn(3)))
    with pytest.raises(InputError, match=r"^records must have the learning rate as the axis lr; got seed."):
        compare([path], (0.01, 0.1))


def test_the_metric_may_be_anything_that_is_one_number_a_step(file):
    path = file(block({"lr": [0.01, 0.1], "seed": range(4)}, drawn(2, 4), name="gradient_norm"))
    with pytest.raises(InputError, match=r"^metric must be one of gradient_norm; got None. Neither val_loss nor loss"):
        compare([path], (0.01, 0.1))
    with pytest.raises(
        InputError, match=r"^metric must be one of gradient_norm; got 'norm'. Did you mean 'gradient_norm'"
    ):
        compare([path], (0.01, 0.1), metric="norm")
    apart = float(only(compare([path], (0.01, 0.1), metric="gradient_norm"))["difference"])
    assert apart == pytest.approx((drawn(2, 4)[0] - drawn(2, 4)[1]).mean())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("val_loss", "0.1 beats 0.01 by 2.00"),
        ("accuracy", "0.01 beats 0.1 by 2.00"),
        ("gradient_norm", "0.01 lies above 0.1 by 2.00"),
    ],
)
def test_what_is_better_depends_on_the_quantity(file, name, sentence):
    values = np.array([[2.9, 3.1, 3.0], [1.0, 1.05, 0.95]])
    found = compare([file(block({"lr": [0.01, 0.1], "seed": range(3)}, values, name=name))], (0.01, 0.1), metric=name)
    assert verdict(found)[0].startswith(sentence)
    words = name.replace("val_", "validation ").replace("_", " ")
    assert f" in {words}, over 3 paired seeds at step 3." in verdict(found)[0]
    turned = compare([file(block({"lr": [0.01, 0.1], "seed": range(3)}, values, name=name))], (0.1, 0.01), metric=name)
    assert verdict(turned) == verdict(found)


def test_few_pairs_are_said_to_rest_on_normal_differences(file):
    values = np.array([[2.9, 3.1, 3.0], [1.0, 1.05, 0.95]])
    (said, *_) = verdict(compare([file(block({"lr": [0.01, 0.1], "seed": range(3)}, values))], (0.01, 0.1)))
    assert said.endswith("all 8 flips of their signs: p = 0.25. 3 pairs cannot bring that below 0.25: "
                         "the answer assumes that the differences are normal.")  # fmt: skip


def test_what_cannot_be_told_apart_is_said_with_the_seeds_that_would_do(file):
    values = np.random.default_rng(2).normal(1, 0.1, (2, 8))
    found = compare([file(block({"lr": [0.01, 0.1], "seed": range(8)}, values))], (0.01, 0.1))
    assert verdict(found)[0].startswith("0.01 and 0.1 cannot be distinguished in loss: a difference of ")
    rates, sizes = compared_tables(found, 0.5)
    assert list(rates) == ["trainings", "loss", "compared", "diverged"]
    seeds = sizes["seeds of each that would show it in 8 of 10 cases"]
    assert seeds[0] == "8 (as now)"
    assert sizes.iloc[-1, 0] == "0.5 (asked for)"
    found_, half = map(int, seeds[1:3])
    assert 8 < found_ < half


def test_what_diverged_is_told(file):
    path = file(block({"lr": [0.01, 0.1], "seed": range(6)}, drawn(2, 6), diverged={7: 2, 9: 1}))
    said = verdict(compare([path], (0.01, 0.1)))
    told = "Networks that diverged are left out, with their partners: 0 at 0.01 and 2 at 0.1."
    assert any(sentence.startswith(told) for sentence in said)


def test_pairs_that_are_alike_are_worth_more(file):
    rng = np.random.default_rng(1)
    common = rng.normal(0, 1, 12)
    values = np.array([common + 3, common + 3.1]) + rng.normal(0, 0.05, (2, 12))
    said = verdict(compare([file(block({"lr": [0.01, 0.1], "seed": range(12)}, values))], (0.01, 0.1)))
    told = "The same seeds move both sides alike (correlation 0.99): unpaired, it would take 136 times"
    assert any(sentence.startswith(told) for sentence in said)


def sums(pairing, lrs=(0.1, 0.2), batches=8, replicates=4):
    """Return sums over replicates of loss and accuracy."""
    rng = np.random.default_rng(3)
    members, rates = len(lrs) * batches, len(lrs)
    loss = rng.normal(1, 0.1, (rates, batches, replicates)).sum(2).ravel()
    values = {
        "replicates": np.full(members, replicates),
        "diverged": np.arange(members) % 2,
        "loss_sum": loss,
        "accuracy_sum": loss / 2,
    }
    labels = {name: Variable(name, name, f"sum of {name}") for name in values}
    columns = {"member": np.arange(members), "lr": np.repeat(lrs, batches), "batch": np.tile(range(batches), rates)}
    attrs = {axis: {"long_name": axis} for axis in ("lr", "batch")}
    with_step = {name: array[:, None] for name, array in values.items()}
    block = new_block(with_step, labels, {"step": np.array([80])}, columns, attrs, dict.fromkeys(labels, "step"))
    return block.assign_attrs(pairing=pairing)


def test_batches_of_replicates_are_compared_by_their_means(file):
    records = sums("common")
    found = compare([file(records)], (0.1, 0.2))
    means = records["loss_sum"].values.reshape(2, 8) / 4
    assert float(only(found)["p_value"]) == pytest.approx(scipy.stats.ttest_rel(*means).pvalue)
    assert found.replicates == 4
    assert "over 8 paired batches of 4 trainings each at step 80" in verdict(found)[0]
    assert any("8 trainings diverged, and are left out" in sentence for sentence in verdict(found))
    assert compare([file(records)], (0.1, 0.2), metric="accuracy").metric == "accuracy"
    with pytest.raises(
        InputError, match=r"^metric must be one of loss, accuracy; got 'loss_sum'. Did you mean 'loss'\?$"
    ):
        compare([file(records)], (0.1, 0.2), metric="loss_sum")


def test_batches_of_independent_replicates_are_not_paired(file):
    records = sums("independent")
    found = compare([file(records)], (0.1, 0.2))
    means = records["loss_sum"].values.reshape(2, 8) / 4
    assert float(only(found)["p_value"]) == pytest.approx(scipy.stats.ttest_ind(*means, equal_var=False).pvalue)
    assert "between 8 and 8 batches of 4 trainings each that are not paired" in verdict(found)[0]


def test_the_trainings_of_a_batch_are_counted_one_by_one(file):
    """Four single trainings vary twice as much as their mean."""
    _rates, sizes = compared_tables(compare([file(sums("common"))], (0.1, 0.2)), 0.2)
    assert sizes.iloc[0, 1] == "32 (as now)"
    needed = int(sizes.iloc[-1, 1])
    records = sums("common")
    gaps = np.subtract(*records["loss_sum"].values.reshape(2, 8) / 4)
    deviation = 2 * gaps.std(ddof=1)
    t = scipy.stats.t
    fewer, enough = (deviation * (t.ppf(0.975, n - 1) + t.ppf(0.8, n - 1)) / np.sqrt(n) for n in (needed - 1, needed))
    assert enough <= 0.2 < fewer


@pytest.fixture
def run(tmp_path):
    """Return the function that writes experiments, and what the options of their run say, into a folder."""

    def write(name, experiments, **options):
        folder = tmp_path / name
        folder.mkdir()
        for experiment, records in experiments.items():
            store.write(folder / f"records-{experiment}.root", [records], {})
        described = {"study": "sweep", "options": options, "command": "", "versions": {}, "machine": {}}
        described |= {"experiments": {key: {} for key in experiments}, "finished": True}
        (folder / "experiment.json").write_text(json.dumps(described))
        return folder

    return write


@pytest.fixture
def folder(run):
    """Return a folder with a grid, a further round of it with more seeds, and another experiment."""
    values = drawn(2, 6)
    rounds = {
        "grid": block({"lr": [0.01, 0.1], "seed": range(4)}, values[:, :4]),
        "round2": block({"lr": [0.01, 0.1], "seed": [4, 5]}, values[:, 4:]),
        "crossed": block({"lr": [0.01, 0.1], "init_seed": range(2)}, drawn(2, 2)),
    }
    return run("run", rounds)


def test_rounds_of_a_grid_are_compared_together(folder):
    found = only(compare([folder], (0.01, 0.1)))
    assert float(found["p_value"]) == pytest.approx(scipy.stats.ttest_rel(*drawn(2, 6)).pvalue)
    assert int(only(compare([folder], (0.01, 0.1), experiment="round2"))["pairs"]) == 2
    assert compare([folder], (0.01, 0.1), experiment="crossed").over == "init_seed"
    sentence = r"^experiment must be one of grid, round2, crossed; got 'gird'. Did you mean 'grid'\?$"
    with pytest.raises(InputError, match=sentence):
        compare([folder], (0.01, 0.1), experiment="gird")


def test_of_several_experiments_without_a_grid_one_must_be_named(folder):
    (folder / "records-grid.root").unlink()
    with pytest.raises(InputError, match=r"^experiment must be one of round2, crossed; got none. Choose one.$"):
        compare([folder], (0.01, 0.1))
    with pytest.raises(InputError, match=r"^experiment must be left out for files; got 'grid'."):
        compare([folder / "records-crossed.root"], (0.01, 0.1), experiment="grid")


RATES = ["--lr", "0.01", "--lr", "0.1"]


@pytest.fixture
def said(capsys):
    """Return the function that runs `lrscope compare` and gives what it printed."""

    def run(*words: object) -> str:
        assert main(["compare", *map(str, words)]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        return printed.out

    return run


def test_the_command_prints_the_answer_and_its_tables(folder, said):
    text = said(folder, *RATES, "--size", "0.5")
    assert "over 6 paired seeds at step 3" in text
    assert "all 64 flips of their signs: p = " in text
    assert re.search(r"^trainings +loss +compared +diverged *\n0\.01 .* 6 +0 *\n0\.1 .* 6 +0 *$", text, re.M)
    assert re.search(r"^0\.5 \(asked for\) +\d+ *$", text, re.M)
    chosen = said(folder / "records-grid.root", *RATES, "--at", "2", "--confidence", "0.5")
    assert "50%" in chosen
    assert "over 4 paired seeds at step 2" in chosen


@pytest.fixture
def apart(run):
    """Return two folders of runs whose second has far larger losses, and the losses of both (lr, seed)."""
    losses = drawn(2, 8), np.random.default_rng(9).normal(5, 0.1, (2, 8))
    grids = (block({"lr": [0.01, 0.1], "seed": range(8)}, values) for values in losses)
    return *(run(name, {"grid": grid}) for name, grid in zip("ab", grids, strict=True)), losses


def test_two_folders_are_compared_at_a_rate(apart):
    first, second, (low, high) = apart
    found = compare([first, second], [0.1])
    assert float(only(found)["difference"]) == pytest.approx((low[1] - high[1]).mean())
    assert found.sides == (str(first), str(second))
    crossed = compare([first, second], [0.01, 0.1])
    assert float(only(crossed)["difference"]) == pytest.approx((low[0] - high[1]).mean())
    with pytest.raises(InputError, match=r"^lrs must be one of 0.01, 0.1; got None"):
        compare([first, second])


def test_two_values_of_an_axis_are_compared(file):
    values = drawn(2, 2, 6)
    path = file(block({"optimizer": ["sgd", "adamw"], "lr": [0.01, 0.1], "seed": range(6)}, values))
    found = compare([path], [0.1], where={"optimizer": ("adamw", "sgd")})
    assert float(only(found)["difference"]) == pytest.approx((values[1, 1] - values[0, 1]).mean())
    assert found.sides == ("adamw", "sgd")


@pytest.mark.parametrize(("order", "code", "word"), [("ab", 0, "better"), ("ba", 3, "worse")])
def test_the_exit_code_says_which_is_better(apart, capsys, order, code, word):
    folders = [str(apart["ab".index(name)]) for name in order]
    assert main(["compare", *folders, "--lr", "0.1", "--json", "--exit-code"]) == code
    printed = json.loads(capsys.readouterr().out)
    assert printed["decision"] == word
    assert printed["cases"][0]["compared"] == [8, 8]
    assert printed["cases"][0]["anytime_low"] < printed["cases"][0]["difference"] < printed["cases"][0]["anytime_high"]


@pytest.fixture
def judged(run):
    """Return the function that writes a run of 20 seeds, and what its options say, into a folder."""

    def write(name, values, recorded="val_loss", diverged=0, **options):
        grid = block({"lr": [0.01], "seed": range(20)}, [values], dict.fromkeys(range(diverged), 1), name=recorded)
        return str(run(name, {"grid": grid}, **options))

    return write


@pytest.mark.parametrize(
    ("lower", "diverged", "code"), [(0.5, (0, 0), 0), (0.5, (10, 0), 4), (0, (20, 0), 3), (0, (0, 20), 0)]
)
def test_a_run_that_diverges_more_often_is_not_better(judged, capsys, lower, diverged, code):
    values = np.random.default_rng(6).normal(1, 0.05, (2, 20))
    folders = [judged("new", values[0] - lower, diverged=diverged[0]), judged("old", values[1], diverged=diverged[1])]
    assert main(["compare", *folders, "--json", "--exit-code"]) == code
    (case,) = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["cases"]
    assert case["diverged_alone"] == list(diverged)
    assert (case["e_diverged"] > 20) == any(diverged)
    assert main(["compare", *folders, "--size", "0.1"]) == 0


def test_a_run_says_by_which_metric_and_direction_it_is_judged(judged, capsys):
    values = np.random.default_rng(7).normal(0.5, 0.02, (2, 20))
    high, low = (
        judged(name, values[place] + 0.2 * (name == "high"), "bleu", metric="bleu", maximize=True)
        for place, name in enumerate(("high", "low"))
    )
    told = ["compare", high, low, "--json", "--exit-code"]
    assert main([*told, "--samples", "1000"]) == 0  # a share, as the option says
    printed = json.loads(capsys.readouterr().out)
    assert (printed["metric"], printed["better"]) == ("bleu", "larger")
    assert printed["cases"][0]["sampling_error"] > 0
    assert main([*told, "--minimize"]) == 3
    assert main([*told, "--minimize", "--maximize"]) == 2
    other = judged("other", values[1], "bleu", metric="bleu", maximize=False)
    assert main(["compare", high, other, "--exit-code"]) == 2
    bare = [judged(f"bare{place}", values[place] + place, "bleu") for place in (0, 1)]
    assert main(["compare", *bare, "--metric", "bleu", "--exit-code"]) == 4  # lower, and nothing says what is better
    assert main(["compare", *bare, "--metric", "bleu", "--exit-code", "--maximize"]) == 3


def test_the_value_counts_by_which_a_run_is_judged(judged, capsys):
    values = drawn(2, 20)
    best = {"metric": "bleu", "maximize": True, "at": "best"}
    a, b = (judged(name, own, "bleu", **best) for name, own in zip("ab", values, strict=True))
    result = compare([a, b])
    assert (result.at, result.steps) == ("best", (0, 0))  # it falls from step to step
    ((_, tested),) = result.results
    assert float(tested["difference"]) == pytest.approx(float((values[0] - values[1]).mean()), rel=1e-12)
    assert "paired seeds, each at its best step" in " ".join(verdict(result))
    assert compare([a, b], at="last").steps == (3, 3)
    assert compare([a, b], at="best", maximize=False).steps == (3, 3)
    assert compare([a, b], at=2).steps == (2, 2)
    other = judged("other", values[1], "bleu", metric="bleu", maximize=True, at="2")
    assert main(["compare", a, other]) == 2
    assert "at must be given where the runs are judged by different ones, 2 and best" in capsys.readouterr().err
    smaller = judged("smaller", values[1], "bleu", metric="bleu", maximize=False, at="best")
    assert main(["compare", a, smaller]) == 2
    assert "given where one run maximises bleu and the other minimises it" in capsys.readouterr().err
    bare = [judged(f"bare{place}", own, "bleu") for place, own in enumerate(values)]
    assert main(["compare", *bare, "--metric", "bleu", "--at", "best"]) == 2
    assert "maximize must be given where the best value counts" in capsys.readouterr().err
    assert main(["compare", a, b, "--at", "soon"]) == 2
    assert "at must be last, best or a step; got 'soon'" in capsys.readouterr().err


def test_runs_without_a_common_metric_are_refused_with_what_each_has(judged):
    values = drawn(20)
    with pytest.raises(InputError, match=r"got val_loss and reward\.$"):
        compare([judged("a", values), judged("b", values, "reward", metric="reward")])


def test_what_is_undecided_has_an_exit_code_of_its_own(folder, capsys):
    assert main(["compare", str(folder), *RATES, "--json", "--exit-code"]) == 4
    assert json.loads(capsys.readouterr().out)["decision"] == "undecided"
    assert main(["compare", str(folder), *RATES]) == 0


def test_few_validation_samples_leave_an_error(file):
    values = np.random.default_rng(0).uniform(0.89, 0.91, (2, 8))
    found = compare(
        [file(block({"lr": [0.01, 0.1], "seed": range(8)}, values, name="val_accuracy"))],
        (0.01, 0.1),
        metric="val_accuracy",
    )
    error = compared_json(found, samples=1000)["cases"][0]["sampling_error"]
    assert error == pytest.approx(1.96 * np.sqrt(2 * 0.9 * 0.1 / 1000), rel=0.02)
    assert any("no number of seeds removes that" in sentence for sentence in verdict(found, samples=1000))
    assert compared_json(found)["cases"][0]["sampling_error"] is None
    of_losses = compare([file(block({"lr": [0.01, 0.1], "seed": range(8)}, values))], (0.01, 0.1))
    with pytest.raises(InputError, match="samples"):
        verdict(of_losses, samples=1000)


def test_cases_are_printed_in_whole_lines(file, said):
    text = said(
        file(block({"shape": ["circle", "spiral"], "lr": [0.01, 0.1], "seed": range(2)}, drawn(2, 2, 2))), *RATES
    )
    assert "…" not in text
    assert len(re.findall(r"^(circle|spiral) ", text, re.M)) == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["RUN", "--lr", "0.01"],
            "lr must be given twice, for two different rates, where nothing else differs; got '0.01'.",
        ),
        (["RUN", "--lr", "0.1", "--lr", "0.1"], "lr must be given twice, for two different rates, where nothing else"),
        (["RUN", *RATES, "--confidence", "95"], "confidence must be less than 1; got '95'. Write 95% as 0.95."),
        (["RUN", *RATES, "--metric", "los"], "metric must be one of loss"),
        (["RUN", *RATES, "--where", "seed"], "--where must be AXIS=VALUE; got 'seed'. Write for example --where"),
        (
            ["RUN", *RATES, "--where", "seed=0"],
            "seeds must be 2 or more of each; got 1 and 1.",
        ),
        (RATES, "DIR must be a folder of a run or files of records; got none. See lrscope compare --help."),
        (["nowhere", *RATES], "nowhere does not exist. Give a file of records or the folder that a run has written."),
        (["/", *RATES], "/ holds no records*.root. Give the folder that a run has written."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_compared_is_one_sentence(words, sentence, folder, refused):
    assert refused("compare", *(folder if word == "RUN" else word for word in words)).startswith(sentence)
