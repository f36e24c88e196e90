"""The table of networks in FindingBlocks.md."""

import pytest

import block_table


def test_the_articles_table_is_what_find_blocks_finds() -> None:
    pytest.importorskip("torchvision")
    pytest.importorskip("timm")
    assert block_table.shown() == block_table.table(), "run Tests/python/block_table.py --write"
