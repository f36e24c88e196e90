"""What Delivery.md says, held to the code: variables, options, limits and messages."""

import pathlib
import re

import pytest
from resnet_probe.delivery import bounded_socket, command, courier, destination, line, pause
from resnet_probe.delivery.courier import Courier
from resnet_probe.delivery.exchange import Silence
from resnet_probe.delivery.left import Left
from resnet_probe.delivery.segments import KeptSegment, Place, SegmentName
from resnet_probe.environment import DEFAULT_FINISH_WAIT

from journals import ROOT

TEXT = (ROOT / "Sources/resnet-probe/ResnetProbe.docc/Delivery.md").read_text(encoding="utf-8")
WORDS = " ".join(TEXT.split())
PACKAGE = ROOT / "Sources" / "python" / "resnet_probe"


def rows() -> set[str]:
    return set(re.findall(r"^\| `?([^`|]+?)`? \|", TEXT, re.MULTILINE))


def test_every_variable_of_delivery_has_a_row() -> None:
    sources = [PACKAGE / "environment.py", PACKAGE / "delivery" / "destination.py"]
    read = {
        name
        for path in sources
        for name in re.findall(r"RESNET_PROBE_(?:URL|TOKEN|CA|FINISH_WAIT)\b", path.read_text())
    }
    assert len(read) == 4
    assert read <= rows()


def test_every_option_and_exit_code_of_deliver_has_a_row(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        command.main(["deliver", "--help"], {})
    options = set(re.findall(r"--[a-z]+", capsys.readouterr().out)) - {"--help"}
    assert options == {"--url", "--spool", "--wait"}
    assert options <= rows()
    assert {"0", "1", "2", str(command.INTERRUPTED)} <= rows()


def test_every_status_that_is_acted_on_has_a_row() -> None:
    source = pathlib.Path(courier.__file__).read_text()
    statuses = set(re.findall(r"\b(?:case|status ==) (\d{3})", source)) - {"200"}
    assert statuses == {"401", "403", "409", "413", "422", "429"}
    named = set(re.findall(r"\d{3}", " ".join(rows())))
    assert statuses | {"500", "502", "503", "507", "404"} <= named


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("A body has 1 MiB,", courier.LARGEST_BODY == 1 << 20),
        ("up to 4 MiB where one record is that long", courier.RECORD_BODY >> 20 == 4),
        ("sends half as much at once, 64 KiB at least", courier.SMALLEST_BODY == 64 << 10),
        ("after `Retry-After` (5 minutes at most)", pause.LONGEST_ASKED == 300),
        ("tries every half minute or more seldom", courier.SLOWLY == 30),
        ("up to half a second after the first failure, doubling to a minute",
         (pause.FIRST, pause.LONGEST) == (0.5, 60)),
        ("after the third failure in a row", courier.PATIENCE == 3),
        ("Connecting takes 10 seconds at most", bounded_socket.CONNECTING == 10),
        ("a silence within a request 30, a request 120",
         (bounded_socket.SILENT, bounded_socket.TOTAL) == (30, 120)),
        ("an answer has 128 KiB at most", bounded_socket.LONGEST_ANSWER == 128 << 10),
        ("An unused connection is closed after 30 seconds", line.IDLE == 30),
        ("printable ASCII, at most 512 bytes", destination.MAXIMUM_TOKEN_LENGTH == 512),
        ("waits for what is left, 10 by default", DEFAULT_FINISH_WAIT == 10),
        ("while nothing is taken, 30 by default", command.DEFAULT_WAIT == 30),
    ],
)  # fmt: skip
def test_the_article_states_the_limits(words: str, value: bool) -> None:
    assert words in WORDS
    assert value


def test_the_article_shows_the_lines_as_they_are() -> None:
    name = SegmentName("a" * 32, 0)
    told = Courier("https://probe.example:8443", lambda: 0.0)
    told.look([KeptSegment(name, Place.WAITING, 10, 0)])
    remark = None
    for second in range(courier.PATIENCE):
        request = told.next(100.0 * second)
        assert request is not None
        silence = Silence("unreachable", "connection refused")
        remark = told.unanswered(request, silence, 100.0 * second)
    assert remark is not None
    assert f"resnet-probe: {remark.message}" in WORDS
    assert f"resnet-probe: {Left(52_480, 1)} of this run are not delivered to" in WORDS
    source = (PACKAGE / "delivery" / "delivery.py").read_text(encoding="utf-8")
    joined = re.sub(r'"\s+f?"', "", source)
    end = "; the next run takes them there, or `python -m resnet_probe deliver`; `resnet-probe"
    assert end in joined
    assert end in WORDS
