"""What `inspect` shows is what was written, and needs none of the large data."""

from lrscope.store import _baskets as baskets
from lrscope.store import summary


def test_a_file_is_summarised(written):
    found = summary(written)
    assert [(tree.name, tree.entries, tree.members, tree.first_step, tree.last_step) for tree in found.trees] == [
        ("records", 60, 4, 0, 14),
        ("records_outputs", 16, 4, 0, 12),
    ]
    assert found.axes == {"shape": ("circle", "spiral"), "lr": (0.001, 0.1), "seed": (0,)}
    assert found.metadata == {"experiment": {"name": "small"}}
    assert found.complete
    assert found.size_bytes == written.stat().st_size


def test_variables_are_summarised(written):
    weights = summary(written).trees[0].variables[0]
    assert (weights.name, weights.shape) == ("weights_encoder_0", (3, 2))
    assert (weights.dtype, weights.units, weights.long_name) == ("float32", "1", "weights of encoder.0")
    assert 0 < weights.packed_bytes <= 3 * (4 * 5 * 6 * 4 + 100)


def test_a_file_without_blocks_has_no_trees(killed, tmp_path):
    found = summary(killed(tmp_path / "records.root", 0))
    assert (found.trees, found.axes) == ((), {})


def test_only_columns_are_read(written, monkeypatch):
    names = set()
    original = baskets._content

    def content(file, branch, number):
        names.add(branch.name)
        return original(file, branch, number)

    monkeypatch.setattr(baskets, "_content", content)
    summary(written)
    assert names == {"member", "step", "shape", "lr", "seed"}
