"""Where data sets come from, and how their files are known to be whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FASHION_MNIST", "MNIST", "Source"]


@dataclass(frozen=True)
class Source:
    """A data set of four IDX files that OpenML has too."""

    title: str
    folder: str
    openml_name: str
    target_names: tuple[str, ...]
    digests: Mapping[str, str]  # SHA-256 of decompressed files
    description: str
    elsewhere: tuple[Path, ...] = ()


MNIST = Source(
    title="MNIST",
    folder="mnist",
    openml_name="mnist_784",
    target_names=tuple("0123456789"),
    digests={
        "train-images-idx3-ubyte": (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        "train-labels-idx1-ubyte": (
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
        "t10k-images-idx3-ubyte": (
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        "t10k-labels-idx1-ubyte": (
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    },
    description=(
        "MNIST handwritten digits: 60,000 training and 10,000 test images of 28 x 28 grey levels, "
        "by Y. LeCun, C. Cortes and C. J. C. Burges (CC BY-SA 3.0)."
    ),
)
FASHION_MNIST = Source(
    title="Fashion-MNIST",
    folder="fashion-mnist",
    openml_name="Fashion-MNIST",
    target_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    digests={
        "train-images-idx3-ubyte": (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        ),
        "train-labels-idx1-ubyte": (
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        ),
        "t10k-images-idx3-ubyte": (
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        ),
        "t10k-labels-idx1-ubyte": (
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        ),
    },
    description=(
        "Fashion-MNIST: 60,000 training and 10,000 test images of 28 x 28 grey levels, by H. Xiao, "
        "K. Rasul and R. Vollgraf (MIT licence)."
    ),
    elsewhere=(Path("/usr/share/datasets/fashion-mnist"),),  # Debian's dataset-fashion-mnist
)
