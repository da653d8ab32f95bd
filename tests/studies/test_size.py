"""What no machine can hold is refused by the options alone, for every study and each of its numbers."""

import pytest

from lrscope.errors import InputError
from lrscope.studies import Where, study

HUGE = 10**9
NUMBERS = [
    ("sweep", {"lrs": (f"1e-3:1e-1:{HUGE}",)}),
    ("sweep", {"lrs": ("1e-3:1e-1:1000",), "seeds": 1000}),
    ("sweep", {"seeds": HUGE}),
    ("sweep", {"seeds": 10**6}),
    ("sweep", {"epochs": HUGE}),
    ("sweep", {"crossed_seeds": HUGE}),
    ("sweep", {"batch_size": HUGE}),
    ("fluctuation", {"lrs": (f"1e-3:1e-1:{HUGE}",)}),
    ("fluctuation", {"seeds": 10**6}),
    ("fluctuation", {"epochs": HUGE}),
    ("fluctuation", {"samples": HUGE}),
    ("fluctuation", {"batch_size": HUGE}),
    ("stability", {"lrs": (f"1e-3:1e-1:{HUGE}",)}),
    ("stability", {"seeds": 10**6}),
    ("stability", {"epochs": HUGE}),
    ("stability", {"hidden": HUGE}),
    ("linearity", {"replicates": HUGE}),
    ("linearity", {"epochs": HUGE}),
    ("boundary", {"resolution": HUGE}),
    ("boundary", {"seeds": HUGE}),
    ("boundary", {"null": HUGE}),
    ("linearity", {"batch_size": HUGE}),
]


@pytest.mark.parametrize(("name", "options"), NUMBERS, ids=lambda value: str(value))
def test_options_that_no_machine_can_hold_are_refused(name, options):
    with pytest.raises(InputError) as caught:
        study(name).options(**options)
    assert len(str(caught.value)) < 400


def test_what_is_refused_says_what_it_would_need():
    with pytest.raises(InputError, match=r"3,000,027 networks .* 240\.0 MB of losses"):
        study("sweep").options(seeds=10**6)


@pytest.mark.parametrize("name", ["sweep", "fluctuation", "stability", "linearity"])
def test_ten_times_the_default_is_allowed(name):
    options = study(name).options
    counts = [field for field in ("seeds", "epochs", "replicates") if hasattr(options(), field)]
    for field in counts:
        options(**{field: 10 * (getattr(options(), field) or 100)})


def test_more_workers_than_the_memory_holds_are_refused():
    with pytest.raises(InputError, match="workers"):
        Where(workers=HUGE)
    assert Where(workers=8).workers == 8
