"""A vector and the dictionary of tensors that it stands for."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from lrscope.trees import Layout, flatten, norm

shapes = st.lists(st.lists(st.integers(1, 3), max_size=3).map(tuple), min_size=1, max_size=5)


@given(shapes)
def test_flatten_and_tree_undo_each_other(sizes):
    tree = {f"p{number}": torch.randn(size) for number, size in enumerate(sizes)}
    layout = Layout.of(tree)
    back = layout.tree(flatten(tree))
    assert list(back) == list(tree)
    assert all(torch.equal(back[name], tree[name]) for name in tree)
    assert sum(layout.sizes) == len(flatten(tree))


def test_the_tree_is_a_view():
    vector = torch.zeros(6)
    Layout({"a": torch.Size([2]), "b": torch.Size([2, 2])}).tree(vector)["b"][1, 0] = 5
    assert vector.tolist() == [0, 0, 0, 0, 5, 0]


def test_norm_is_the_length():
    assert norm(torch.tensor([3.0, -4.0])) == 5
