"""Writes Sources/DigitsTrainer/Data/digits.bin: scikit-learn's 8x8 handwritten digits, packed.

    python make_digits.py               (scikit-learn 1.9)

The data: Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository, E. Alpaydin and C. Kaynak 1998, CC BY 4.0; scikit-learn ships its test part.

The file is a sequence of samples in scikit-learn's order, without a header. A sample is

    8 bytes    which pixels are above zero: one byte a row of the image, top row first,
               bit c (least significant first) for column c
    nibbles    first the label (0 to 9), then each pixel above zero minus one (0 to 15), row by row;
               two a byte, low nibble first; a last half byte is zero

Half of the pixels are zero, so this takes 25 bytes a sample, as little as zlib would: the file is
compiled in as an array literal, which takes 6 s for these 45 kB and more than proportionally longer for
one byte a pixel.
"""

from pathlib import Path

from sklearn.datasets import load_digits

TARGET = Path(__file__).parents[3] / "Sources/DigitsTrainer/Data/digits.bin"


def packed(image: list[int], label: int) -> bytes:
    """One sample; `image` holds 64 values from 0 to 16, row by row."""
    rows = [image[start : start + 8] for start in range(0, 64, 8)]
    mask = bytes(sum(1 << column for column, value in enumerate(row) if value) for row in rows)
    nibbles = [label] + [value - 1 for value in image if value]
    if len(nibbles) % 2:
        nibbles.append(0)
    return mask + bytes(
        low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True)
    )


def main() -> None:
    """Writes the file."""
    digits = load_digits()
    images = digits.data.astype(int).tolist()  # (1797, 64)
    labels = digits.target.tolist()  # (1797,)
    samples = [packed(image, label) for image, label in zip(images, labels, strict=True)]
    TARGET.write_bytes(b"".join(samples))


if __name__ == "__main__":
    main()
