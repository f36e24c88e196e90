"""What the environment says of a destination, and that no secret shows anywhere."""

import copy
import pickle

import pytest
from resnet_probe import ProbeError
from resnet_probe.delivery.address import Address, parse_address
from resnet_probe.delivery.destination import Destination, read_destination
from resnet_probe.environment import Environment, read_environment
from resnet_probe.notices import Notices

SECRET = "rp_w_" + "s3cr3tS3cr3t" * 3


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:8080", Address("http", "127.0.0.1", 8080)),
        ("https://probe.example:8443/", Address("https", "probe.example", 8443)),
        ("HTTPS://Probe.Example", Address("https", "probe.example", 443)),
        ("http://probe", Address("http", "probe", 80)),
        ("https://[::1]:9000", Address("https", "::1", 9000)),
        (
            "https://prüfung.example:1",
            Address("https", "prüfung".encode("idna").decode() + ".example", 1),
        ),
        ("unix:///run/resnet-probe/socket", Address("unix", path="/run/resnet-probe/socket")),
        ("unix:///a%20b%25", Address("unix", path="/a b%")),
    ],
)
def test_an_address_is_read_and_written_back(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("probe.example:8080", "neither https, http nor unix"),
        ("ftp://probe:21", "neither https, http nor unix"),
        ("https:///", "names no host and port"),
        ("https://probe:0", "names no host and port"),
        ("https://probe:port", "host and port cannot be read"),
        ("https://probe:65536", "host and port cannot be read"),
        ("https://[::1", "host and port cannot be read"),
        ("https://probe/v1", "more behind the host than a slash"),
        ("https://probe/?", "more behind the host than a slash"),
        ("https://probe/#", "more behind the host than a slash"),
        ("https://user:pass@probe:1", "it holds a user or a password"),
        ("https://probe :1", "a space or a control character"),
        ("https://probe\n:1", "a space or a control character"),
        ("https://" + "a" * 64 + ".example", "its host is no name"),
        ("unix://run/socket", "a socket's path begins with a slash"),
        ("unix:///a%00b", "a socket's path begins with a slash"),
        ("unix:///" + "a" * 107, "at most 107 bytes"),
    ],
)
def test_what_is_no_address_says_why_and_is_not_repeated(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="RESNET_PROBE_URL was passed over: ") as caught:
        read_destination({"RESNET_PROBE_URL": text})
    assert why in str(caught.value)
    assert "https://host:port, http://host:port or unix:///path" in str(caught.value)
    assert text not in str(caught.value)
    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize("text", ["two words", "tökén", "new\nline", "x" * 513])
def test_a_token_that_is_none_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="RESNET_PROBE_TOKEN is no token") as caught:
        read_destination({"RESNET_PROBE_URL": "https://probe", "RESNET_PROBE_TOKEN": text})
    assert text not in str(caught.value)


@pytest.mark.parametrize("host", ["probe.example", "10.0.0.1", "[::2]", "localhost.example"])
def test_a_token_is_refused_over_plain_http_beyond_this_host(host: str) -> None:
    variables = {"RESNET_PROBE_URL": f"http://{host}:8080", "RESNET_PROBE_TOKEN": SECRET}
    with pytest.raises(ValueError, match="does not go over plain http to") as caught:
        read_destination(variables)
    assert SECRET not in str(caught.value)
    del variables["RESNET_PROBE_TOKEN"]
    destination = read_destination(variables)
    assert destination is not None
    assert destination.token is None


@pytest.mark.parametrize(
    "url",
    ["http://localhost:1", "http://127.9.9.9:1", "http://[::1]:1", "https://probe", "unix:///s"],
)
def test_a_token_goes_where_nobody_reads_it_on_the_way(url: str) -> None:
    variables = {"RESNET_PROBE_URL": url, "RESNET_PROBE_TOKEN": SECRET}
    destination = read_destination(variables)
    assert destination is not None
    assert destination.token is not None
    assert destination.token.header() == f"Bearer {SECRET}"


def test_neither_texts_nor_copies_of_settings_hold_the_token() -> None:
    variables = {"RESNET_PROBE_URL": "https://probe", "RESNET_PROBE_TOKEN": SECRET}
    destination = read_destination(variables)
    environment = read_environment(variables, Notices(strict=True))
    assert environment.destination is not None
    texts = [repr(destination), str(destination), repr(environment), f"{environment.destination}"]
    texts += [repr(copy.deepcopy(environment)), repr(pickle.loads(pickle.dumps(destination)))]
    assert not [text for text in texts if SECRET in text]
    assert SECRET.encode() not in pickle.dumps(environment)
    assert environment.destination.hidden_in(f"bad {SECRET}!") == "bad (redacted)!"


def test_without_a_url_there_is_no_destination() -> None:
    for variables in ({}, {"RESNET_PROBE_URL": ""}, {"RESNET_PROBE_TOKEN": "two words"}):
        assert read_destination(variables) is None


def test_a_destination_holds_the_file_of_authorities() -> None:
    variables = {"RESNET_PROBE_URL": "https://probe", "RESNET_PROBE_CA": "/etc/ca.pem"}
    assert read_destination(variables) == Destination(
        Address("https", "probe", 443), authorities="/etc/ca.pem"
    )


class Said:
    """A recorder's environment and what it said of it."""

    def __init__(self, **variables: str) -> None:
        self.lines: list[str] = []
        named = {f"RESNET_PROBE_{name}": value for name, value in variables.items()}
        self.environment: Environment = read_environment(named, Notices(write=self.lines.append))


def test_a_wrong_url_is_one_notice_and_recording_goes_on() -> None:
    said = Said(URL="probe.example")
    assert said.environment.destination is None
    assert said.lines == [
        (
            "resnet-probe: RESNET_PROBE_URL was passed over: it is neither https, http nor unix; set it"
            " to https://host:port, http://host:port or unix:///path; nothing is delivered, and"
            " recording goes on"
        )
    ]


def test_a_token_in_clear_is_one_notice_and_nothing_is_sent() -> None:
    said = Said(URL="http://probe.example:80", TOKEN=SECRET)
    assert said.environment.destination is None
    assert said.lines == [
        (
            "resnet-probe: RESNET_PROBE_TOKEN does not go over plain http to probe.example, where it"
            " could be read on the way; set RESNET_PROBE_URL to https://…; nothing is delivered, and"
            " recording goes on"
        )
    ]
    with pytest.raises(ProbeError, match="does not go over plain http"):
        read_environment(
            {"RESNET_PROBE_URL": "http://probe:80", "RESNET_PROBE_TOKEN": SECRET},
            Notices(strict=True),
        )


@pytest.mark.parametrize(("text", "wait"), [("0", 0.0), ("2.5", 2.5), ("", 10.0)])
def test_the_wait_at_the_end_is_a_number_of_seconds(text: str, wait: float) -> None:
    said = Said(FINISH_WAIT=text)
    assert said.environment.finish_wait == wait
    assert said.lines == []


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon", "86401"])
def test_a_wait_that_cannot_be_is_the_default(text: str) -> None:
    said = Said(FINISH_WAIT=text)
    assert said.environment.finish_wait == 10.0
    assert said.lines == [
        (
            f"resnet-probe: RESNET_PROBE_FINISH_WAIT is {text!r} and was passed over; set it to a"
            " number of seconds from 0"
        )
    ]
