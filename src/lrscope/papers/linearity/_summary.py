"""The answer of the study in plain words, from the numbers of the results."""

import itertools
import math

import xarray as xr

from lrscope.papers.linearity._claims import SMALL, STRAIGHT, of_size, once
from lrscope.papers.linearity._options import Options
from lrscope.papers.linearity._results import CHANGE, LR, PATH, SENSITIVITY, Network, networks
from lrscope.studies._estimates import ends, estimate_text, share_text
from lrscope.studies._words import counted, listed, percent, short


def summary(results: xr.DataTree, options: Options) -> list[str]:
    """Return the answer, one text a paragraph."""
    paragraphs = [trained(results, options)]
    for network in networks(results):
        paragraphs += [unknown(network)] if network.attrs["unknown"] else []
        paragraphs += [is_straight(network, options)] if PATH in network.children else []
        paragraphs += [breaks(network)] if "laws" in network.children else []
        paragraphs += [needed(network)] if PATH in network.children else []
        paragraphs += [accuracy(network)] if CHANGE in network.children else []
    return paragraphs


def trained(results: xr.DataTree, options: Options) -> str:
    """Say what was trained."""
    known = networks(results)
    seeds = "the same seeds at every rate" if options.pairing == "common" else "different seeds at each rate"
    rates = {each.name: listed([short(lr, 6) for lr in each.attrs["rates"].lrs]) for each in known}
    alike = len(set(rates.values())) == 1
    at = rates[known[0].name] if alike else "; ".join(f"{lrs} ({name})" for name, lrs in rates.items())
    of = f"of {known[0].name}" if len(known) == 1 else f"of each of {listed([each.name for each in known])}"
    lost = " ".join(text for text in map(_diverged, known) if text) or "No training diverged."
    count = counted(options.replicates, "training")
    falls = "A rate is the largest of its trainings, at whose end it has fallen."
    return f"{count} {of} on {options.data} at each of the rates {at}, with {seeds}. {falls} {lost}"


def _diverged(network: Network) -> str:
    counts = network["trainings"]["diverged"]
    lost = [f"{count} at {short(lr, 6)}" for lr, count in zip(counts[LR].values, counts.values, strict=True) if count]
    return f"{network.name}: {listed(lost)} diverged and are left out." if lost else ""


def unknown(network: Network) -> str:
    """Say what cannot be computed because trainings diverged, and why."""
    eta, first, second = (short(lr, 6) for lr in network.attrs["rates"].three)
    groups = {
        PATH: f"the law at {eta}, {first} and {second}, and all that follows from it",
        SENSITIVITY: f"the sensitivity of the classes from {eta} to {first}",
        CHANGE: f"the change from {eta} to {second}: accuracy, outputs, favoured examples",
    }
    by_reason: dict[str, list[str]] = {}
    for group, words in groups.items():
        if group in network.attrs["unknown"]:
            by_reason.setdefault(network.attrs["unknown"][group], []).append(words)
    return " ".join(
        f"{network.name}: {reason}. Unavailable: {'; '.join(groups)}." for reason, groups in by_reason.items()
    )


def is_straight(network: Network, options: Options) -> str:
    """Say whether the mean outputs of a network move along a line, and how certain that is."""
    law, second = network["law"], network["second_order"]
    _, low, high = ends(law, "r2_corrected")
    if low >= STRAIGHT:
        verdict = "the mean outputs move along a nearly straight line"
    elif high < STRAIGHT:
        verdict = "the mean outputs do not move along a straight line"
    else:
        verdict = "these trainings do not decide whether the mean outputs move along a straight line"
    first, *others = (short(lr, 6) for lr in network.attrs["rates"].three)
    _, least, most = ends(second, "share")
    return (
        f"{network.name}: {verdict} as the rate goes from {first} to {listed(others)}. R² is "
        f"{short(float(law['r2']), 4)}{'' if options.pairing == 'common' else ' (noise alone would give 0.25)'}; "
        f"without the noise of {counted(int(law['replicates']), 'training')} it is "
        f"{estimate_text(law, 'r2_corrected', 4)}. The slope without noise is {estimate_text(law, 'slope_corrected')}; "
        f"a line has {short(float(law['expected_slope']), 4)}. The second-order term has "
        f"{share_text(second, 'share')} of the mean square of the whole change"
        f"{', which does not differ from zero' if least <= 0 <= most else ''}."
    )


def needed(network: Network) -> str:
    """Say how many trainings are needed, and what common seeds save."""
    counts = network["replicates_for"]["replicates"]
    each = [
        f"{count:,.0f} for {r2:g}" if math.isfinite(count) else f"no number is enough for {r2:g}"
        for r2, count in zip(counts["wanted"].values, counts.values, strict=True)
    ]
    text = f"{network.name}: estimated number of trainings at each rate for an R² with these seeds: {listed(each)}."
    if "seeds_saved" in network.children:
        saved, (_, first, second) = network["seeds_saved"], network.attrs["rates"].three
        text += (
            f" One training with common seeds is worth {estimate_text(saved, 'x', 2)} independent ones for the change "
            f"to {short(first, 6)}, and {estimate_text(saved, 'y', 2)} for that to {short(second, 6)}."
        )
    return text


def breaks(network: Network) -> str:
    """Say where in the grid the law breaks."""
    laws = once(network)
    medians = []
    for least, most in itertools.pairwise((0.0, SMALL, 1.0, 2.0, math.inf)):
        median = float(of_size(laws, least, most)["r2_corrected"].median())
        if math.isfinite(median):
            medians.append(f"{short(median, 3)} {f'up to {most:g}' if math.isfinite(most) else f'beyond {least:g}'}")
    unknown = int(laws["r2_corrected"].isnull().sum())
    left_out = f" {unknown} of {counted(laws.sizes['law'], 'law')} are unavailable and left out." if unknown else ""
    return (
        f"{network.name}: median R² without noise over the grid, by the larger of |a| / eta and |b| / eta: "
        f"{listed(medians or ['none'])}.{left_out}"
    )


def accuracy(network: Network) -> str:
    """Say whether the accuracy changes."""
    eta, _, higher = network.attrs["rates"].three
    at_eta, at_higher = (
        percent(float(network["trainings"]["accuracy"].sel({LR: lr}, method="nearest")), 2) for lr in (eta, higher)
    )
    return (
        f"{network.name}: validation accuracy {at_eta} at {short(eta, 6)} and {at_higher} at {short(higher, 6)}, a "
        f"difference of {share_text(network['accuracy'], 'difference', 2)} of the samples."
    )
