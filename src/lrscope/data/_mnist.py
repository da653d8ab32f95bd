"""MNIST from its IDX files in a folder; nothing is downloaded here."""

from pathlib import Path

from lrscope.data._files import check_classes, existing
from lrscope.data._idx import read_idx
from lrscope.data._images import Images, ImagesOfFolder
from lrscope.errors import must_be
from lrscope.specification import specification

FOLDERS = ("", "MNIST/raw", "raw")
"""Where the files may lie below the root; the second is torchvision's."""
_LARGEST = 255


@specification
class MNIST(ImagesOfFolder):
    """70 000 images (sample, 1, 28, 28) of handwritten digits, grey, and the digits 0 to 9 that they show.

    Other data in the same files (Fashion-MNIST, say) is read as well. Files may be gzipped or not, be called
    ``train-images-idx3-ubyte`` or ``train-images.idx3-ubyte``, and lie in the folder or below it in ``MNIST/raw``.

    Attributes
    ----------
    root : folder of the files
    val_share : of the training images, that is kept for validation; by default the standard test images are
    split_seed : of the permutation by which images are split and chosen
    samples, val_samples : how many images to learn from and to validate on at most; None for all

    Raises
    ------
    InputError : later, when files are read: one that is missing, has a wrong magic number or another size than its
        header says, other labels than 0 to 9, as many labels as there are images are not there; more samples than
        there are.

    References
    ----------
    LeCun, Cortes, Burges: The MNIST database of handwritten digits (1998).
    """

    def _images(self) -> Images:
        return _read(Path(self.root), "train")

    def _test_images(self) -> Images:
        return _read(Path(self.root), "t10k")


def _read(root: Path, part: str) -> Images:
    paths = [_path(root, f"{part}-{kind}") for kind in ("images-idx3", "labels-idx1")]
    pixels, labels = read_idx(paths[0], 3), read_idx(paths[1], 1)
    if len(pixels) != len(labels):
        raise must_be(str(paths[1]), f"as many labels as {paths[0]} holds images, {len(pixels)}", len(labels))
    check_classes(labels, str(paths[1]))
    return Images(pixels[:, None], labels, _LARGEST)


def _path(root: Path, name: str) -> Path:
    """Return the path of a file such as ``train-images-idx3``."""
    usual = f"{name}-ubyte"
    path = existing(root, FOLDERS, (usual, usual.replace("-idx", ".idx")))
    if path is None:
        remedy = f"Download the files with: lrscope data fetch mnist --root {root}"
        raise must_be("root", f"a folder that holds {usual}, gzipped or not", str(root), remedy)
    return path
