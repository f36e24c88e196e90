#!/usr/bin/env python3
"""The table of FindingBlocks.md: what `find_blocks` finds in the networks of papers and libraries.

python Tests/python/block_table.py           prints it
python Tests/python/block_table.py --write   puts it into the article
"""

import pathlib
import sys

import torch

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(ROOT / "Sources" / "python")]

import resnet_probe

from networks.catalogue import entry
from networks.entry import Entry

ARTICLE = ROOT / "Sources" / "resnet-probe" / "ResnetProbe.docc" / "FindingBlocks.md"
BEGIN = "| network | blocks | identity | projection | concat | plain | trained in the tests |"

#: The rows: a title, its entry of the catalogue, and the entry that is trained where that is not.
ROWS: tuple[tuple[str, str, str | None], ...] = (
    ("plain-18", "plain-18", None),
    ("plain-34", "plain-34", None),
    ("ResNet-18", "resnet18", None),
    ("ResNet-34", "resnet34", None),
    ("ResNet-50", "resnet50", None),
    ("ResNet-101", "resnet101", None),
    ("ResNet-152", "resnet152", None),
    ("CIFAR ResNet-20", "ResNet-20", None),
    ("CIFAR ResNet-56", "ResNet-56", None),
    ("CIFAR ResNet-110", "ResNet-110", None),
    ("CIFAR ResNet-1202", "ResNet-1202", "ResNet-110"),
    ("pre-activation ResNet-18", "pre-activation ResNet-18", None),
    ("pre-activation ResNet-164", "pre-activation ResNet-164", None),
    ("Wide ResNet-28-10", "WRN-28-10", "WRN-28-2"),
    ("wide_resnet50_2", "wide_resnet50_2", None),
    ("stochastic depth, per sample, 20 layers", "stochastic depth row", None),
    ("stochastic depth, per batch, 20 layers", "stochastic depth batch", None),
    ("stochastic depth, 110 layers", "stochastic depth 110", "stochastic depth row"),
    ("DenseNet-121", "densenet121", None),
    ("DenseNet-BC-100-12", "DenseNet-BC-100-12", None),
    ("SimpleNet", "SimpleNet", None),
    ("SimpNet", "SimpNet", None),
    ("AlexNet", "alexnet", None),
    ("VGG-16", "vgg16", None),
    ("GoogLeNet", "googlenet", None),
    ("Inception-ResNet-v2 (timm)", "inception_resnet_v2", None),
    ("MobileNet-v2", "mobilenet_v2", None),
    ("MobileNet-v3-small", "mobilenet_v3_small", None),
    ("MobileNet-v3-large", "mobilenet_v3_large", None),
    ("ConvNeXt-T", "convnext_tiny", None),
    ("EfficientNet-B0", "efficientnet_b0", None),
    ("ViT-B/16", "vit_b_16 full", "vit_b_16"),
    ("ViT-Ti/16 (timm)", "vit_tiny_patch16_224", None),
    ("Swin-T", "swin_t", None),
    ("resnetv2_50 (timm)", "resnetv2_50", None),
    ("GPT style, 12 layers", "GPT-2 size", "GPT"),
    ("BERT style, post-norm, 12 layers", "BERT-base size", "BERT post-norm"),
)


def table() -> list[str]:
    """The lines of the table, by running `find_blocks` on every network."""
    rules = BEGIN.count("|") - 1
    return [BEGIN, "|---" * rules + "|", *(_row(*row) for row in ROWS)]


def _row(title: str, name: str, trained: str | None) -> str:
    torch.manual_seed(0)
    model, example = entry(name).on_meta()
    blocks = resnet_probe.find_blocks(model.train(), (*example.args, dict(example.kwargs)))
    counts = [
        blocks.count("residual", "identity"),
        blocks.count("residual", "projection"),
        blocks.count("concat"),
        blocks.count("plain"),
    ]
    if sum(counts) != len(blocks):
        raise ValueError(f"{title}: a block is of no kind\n{blocks}")
    size = _training(entry(trained or name)) + (f", {trained}" if trained else "")
    cells = [title, str(len(blocks)), *(str(number or "–") for number in counts), size]
    return "| " + " | ".join(cells) + " |"


def _training(row: Entry) -> str:
    """What one training step of the tests is made with."""
    if not row.trained:
        raise ValueError(f"{row.name} is not trained in the tests")
    _, example = row.on_meta()
    return "×".join(map(str, example.args[0].shape))


def shown() -> list[str]:
    """The table as it stands in the article."""
    lines = ARTICLE.read_text(encoding="utf-8").splitlines()
    start = lines.index(BEGIN)
    end = next(
        place for place in range(start, len(lines) + 1) if not "".join(lines[place : place + 1])
    )
    return lines[start:end]


def main() -> None:
    """Prints the table or writes it."""
    lines = table()
    if "--write" not in sys.argv[1:]:
        print("\n".join(lines))
        return
    text = ARTICLE.read_text(encoding="utf-8")
    ARTICLE.write_text(text.replace("\n".join(shown()), "\n".join(lines)), encoding="utf-8")


if __name__ == "__main__":
    main()
