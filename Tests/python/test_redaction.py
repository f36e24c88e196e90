"""Secrets: the cases of RunDescriptionTests.swift; and configurations that are nested or large."""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from resnet_probe.journal.redaction import flattened, redacted, shortened


def written(config: object) -> dict[str, str]:
    return redacted(flattened(config))


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "HF_TOKEN",
        "apiKey",
        "wandb.api_key",
        "aws-secret-access-key",
        "dbPassword",
        "AUTHORIZATION",
    ],
)
def test_secrets_are_redacted(key: str) -> None:
    assert written({key: "hush"}) == {key: "(redacted)"}


@pytest.mark.parametrize(
    "key", ["tokenizer", "max_tokens", "lr", "key", "author", "weight_decay", "keyFrame"]
)
def test_settings_are_not_redacted(key: str) -> None:
    assert written({key: "3"}) == {key: "3"}


@pytest.mark.parametrize("scope", ["r", "w"])
def test_a_daemons_token_is_redacted_under_any_key(scope: str) -> None:
    token = f"rp_{scope}_" + "aB3-_" * 8 + "xyz"
    config = {"argv": ["train", f"--probe={token}"], "notes": f"with {token}, {token}"}
    assert written(config) == {
        "argv": "['train', '--probe=(redacted)']",
        "notes": "with (redacted), (redacted)",
    }
    assert written({"notes": "rp_w_short"}) == {"notes": "rp_w_short"}


@dataclass
class Optimizer:
    lr: float = 0.1
    betas: tuple[float, float] = (0.9, 0.99)
    hub: dict[str, str] = field(default_factory=lambda: {"token": "hush"})


def test_nested_settings_stand_under_dotted_keys() -> None:
    config = argparse.Namespace(
        optimizer=Optimizer(),
        servers=[{"host": "a", "password": "hush"}, "b"],
        secret={"any": "hush"},
        layers=[1, 2],
        none=None,
        empty={},
    )
    assert written(config) == {
        "optimizer.lr": "0.1",
        "optimizer.betas": "(0.9, 0.99)",
        "optimizer.hub.token": "(redacted)",
        "servers.0.host": "a",
        "servers.0.password": "(redacted)",
        "servers.1": "b",
        "secret.any": "(redacted)",
        "layers": "[1, 2]",
        "none": "None",
    }


def test_a_configuration_nested_in_itself_ends() -> None:
    config: dict[str, object] = {"lr": 1}
    config["self"] = config
    endless: list[object] = []
    endless.append(endless)
    config["list"] = endless
    assert written(config) == {"lr": "1", "self": "(nested too deep)", "list": "[[...]]"}


def test_what_is_nested_too_deep_keeps_its_secrets() -> None:
    config: dict[str, object] = {"password": "hush"}
    for _ in range(20):
        config = {"a": config}
    assert set(written(config).values()) == {"(nested too deep)"}


class Broken(Mapping[str, str]):
    def __getitem__(self, key: str) -> str:
        raise RuntimeError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def __len__(self) -> int:
        return 1

    def __str__(self) -> str:
        raise RuntimeError


def test_what_cannot_be_printed_is_named_so() -> None:
    assert written({"a": Broken(), "b": 1}) == {"a": "(unprintable)", "b": "1"}


def test_what_is_no_configuration_stands_alone() -> None:
    assert written("lr=0.1") == {"config": "lr=0.1"}


def test_what_fits_is_kept_as_it_is() -> None:
    config = {str(number): "v" for number in range(1024)}
    assert shortened(config) == (config, None)


def test_entries_beyond_1024_are_left_out_in_the_order_of_keys() -> None:
    entries, said = shortened({f"{number:04}": "v" for number in range(1100)})
    assert list(entries) == [f"{number:04}" for number in range(1024)]
    assert said == (
        "of the configuration 0 entries were shortened and 76 left out; a journal takes 1,024"
        " entries, keys of 512 bytes, values of 64 KiB and 1 MiB of all"
    )


def test_long_keys_and_values_are_cut_between_characters() -> None:
    entries, said = shortened({"k" * 511 + "é": "x" + "é" * 40_000})
    assert entries == {"k" * 511: "x" + "é" * 32_767}
    assert said is not None
    assert said.startswith("of the configuration 1 entries were shortened and 0 left out;")


def test_a_configuration_of_over_1_mib_is_cut() -> None:
    entries, said = shortened({f"{number:02}": "v" * 65_536 for number in range(20)})
    assert len(entries) == 15
    assert said is not None


def test_nul_and_half_characters_are_replaced() -> None:
    assert shortened({"a\0b": "\udcff"})[0] == {"a\ufffdb": "\ufffd"}
