"""`python -m resnet_probe deliver`, as a person calls it."""

import os
import pathlib
import pty
import signal
import ssl
import subprocess
import sys
import threading

import pytest
from resnet_probe.delivery.command import main
from resnet_probe.release import VERSION

from daemon_model import DaemonModel, Received, Reply
from journals import ROOT
from scripted_server import ScriptedServer
from spooled import END, LONG_AGO, Held, Spooled, frames, head

A, B = "a" * 32, "b" * 32


class Ran:
    """What one call of the command in this process did."""

    def __init__(self, capfd: pytest.CaptureFixture[str], *words: str, **variables: str) -> None:
        capfd.readouterr()
        try:
            self.code: object = main(words, variables)
        except SystemExit as exit_:
            self.code = exit_.code
        self.output, self.errors = capfd.readouterr()


@pytest.fixture
def kept(tmp_path: pathlib.Path) -> Spooled:
    return Spooled(tmp_path / "spool")


def process(*words: str | pathlib.Path, **variables: str) -> "subprocess.Popen[str]":
    """The command in a process of its own."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("RESNET_PROBE")}
    return subprocess.Popen(
        [sys.executable, "-m", "resnet_probe", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=own | {"PYTHONPATH": str(ROOT / "Sources" / "python")} | variables,
    )


def test_all_that_waits_is_delivered(kept: Spooled, capfd: pytest.CaptureFixture[str]) -> None:
    kept.write(f"{A}.0", head(A) + frames(5), modified=LONG_AGO)
    kept.write(f"{B}.0", head(B) + END)
    model = DaemonModel()
    with ScriptedServer(model) as server:
        ran = Ran(capfd, "deliver", "--url", server.url, "--spool", str(kept.path))
        again = Ran(
            capfd, "deliver", RESNET_PROBE_URL=server.url, RESNET_PROBE_SPOOL=str(kept.path)
        )
    assert (ran.code, ran.errors) == (0, "")
    assert ran.output == f"delivered all 2 segments of {kept.path} to {server.url}\n"
    assert (again.code, again.errors) == (0, "")
    assert again.output == (
        f"nothing was sent of {kept.path} to {server.url}, which has all 2 segments\n"
    )
    assert model.segments == kept.content()
    assert kept.files() == set()
    assert len(list(model.sent())) == 2


def test_it_runs_beside_a_training_that_grows(
    kept: Spooled, capfd: pytest.CaptureFixture[str]
) -> None:
    model = DaemonModel()
    path = kept.write(f"{A}.0", head(A) + frames(1))
    recorder = Held(path)
    lock = Held(kept.path / ".delivery-0123456789abcdef.lock")

    def handler(request: Received) -> bytes:
        kept.append(f"{A}.0", frames(1, first=len(model.received) + 1))
        return model(request)

    with ScriptedServer(handler) as server:
        ran = Ran(capfd, "deliver", "--url", server.url, "--spool", str(kept.path))
    assert ran.code == 0, ran.errors
    assert kept.files() == {f"{A}.0.rpj"}
    recorder.free()
    lock.free()


def test_what_cannot_be_delivered_is_said_with_its_reason(
    kept: Spooled, capfd: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    data = head(A) + END
    kept.write(f"{A}.0", data)
    url = f"unix://{tmp_path}/none"
    ran = Ran(capfd, "deliver", "--url", url, "--spool", str(kept.path), "--wait", "0")
    assert (ran.code, ran.output) == (1, "")
    assert ran.errors == (
        f"resnet-probe: not delivered: {len(data):,} bytes in 1 segment of {kept.path} to {url} (no"
        " such file or directory); run it again\n"
    )
    assert kept.files() == {f"{A}.0.rpj"}


def test_a_wrong_token_ends_it_at_once(kept: Spooled, capfd: pytest.CaptureFixture[str]) -> None:
    kept.write(f"{A}.0", head(A) + END)
    secret = "rp_w_" + "y" * 43
    with ScriptedServer(lambda _: Reply(401, {"detail": f"not {secret}"}).encoded()) as server:
        ran = Ran(
            capfd, "deliver", "--url", server.url, "--spool", str(kept.path), "--wait", "86400",
            RESNET_PROBE_TOKEN=secret,
        )  # fmt: skip
    assert ran.code == 1
    assert "(it wants another token (401: not (redacted)); set RESNET_PROBE_TOKEN)" in ran.errors
    assert secret not in ran.errors


def test_a_damaged_segment_makes_the_exit_code_1(
    kept: Spooled, capfd: pytest.CaptureFixture[str]
) -> None:
    kept.write(f"{A}.0", head(A))
    kept.write(f"{B}.0", head(B) + END)
    model = DaemonModel()

    def handler(request: Received) -> bytes:
        if request.segment == f"{A}.0":
            return Reply(422, {"offset": 0, "problem": "no header"}).encoded()
        return model(request)

    with ScriptedServer(handler) as server:
        words = ("deliver", "--url", server.url, "--spool", str(kept.path))
        ran, again = Ran(capfd, *words), Ran(capfd, *words)
    assert ran.code == 1
    assert f"refused segment {A}.0 after byte 0: no header; it is set aside" in ran.errors
    assert kept.files() == {f"{A}.0.rpj.damaged"}
    assert set(model.segments) == {f"{B}.0"}
    assert (again.code, again.errors) == (0, "")
    assert again.output.endswith(", which has 1 of 2 segments\n")


@pytest.mark.parametrize("variables", [{}, {"RESNET_PROBE_CA": "/no/such.pem"}], ids=["", "CA"])
def test_a_certificate_that_is_not_trusted_ends_it_at_once(
    variables: dict[str, str], kept: Spooled, capfd: pytest.CaptureFixture[str]
) -> None:
    kept.write(f"{A}.0", head(A) + END)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates = ROOT / "Tests" / "Support" / "tls"
    context.load_cert_chain(certificates / "server.pem", certificates / "server-key.pem")
    with ScriptedServer(DaemonModel(), context=context) as server:
        words = ("deliver", "--url", server.url, "--spool", str(kept.path))
        ran = Ran(capfd, *words, "--wait", "86400", **variables)
    assert ran.code == 1
    assert (" is not trusted: " if not variables else " cannot be read: ") in ran.errors


def test_plain_http_at_a_tls_port_names_the_remedy(
    kept: Spooled, capfd: pytest.CaptureFixture[str]
) -> None:
    kept.write(f"{A}.0", head(A) + END)
    answer = Reply(400, {"detail": "this is a TLS port: ask with https://"}).encoded()
    with ScriptedServer(lambda _: answer) as server:
        ran = Ran(capfd, "deliver", "--url", server.url, "--spool", str(kept.path))
    assert ran.code == 1
    assert (
        "(it answers 400: this is a TLS port: ask with https://; set RESNET_PROBE_URL to https://…)"
    ) in ran.errors


def test_a_server_that_acknowledges_nothing_has_nothing(
    kept: Spooled, capfd: pytest.CaptureFixture[str]
) -> None:
    data = head(A) + frames(5) + END
    kept.write(f"{A}.0", data)
    answer = Reply(200, {"store": "s", "offset": 0}).encoded()
    with ScriptedServer(lambda _: answer) as server:
        words = ("deliver", "--url", server.url, "--spool", str(kept.path))
        ran = Ran(capfd, *words, "--wait", "0")
    assert (ran.code, ran.output) == (1, "")
    assert f"not delivered: {len(data):,} bytes in 1 segment of" in ran.errors
    assert kept.files() == {f"{A}.0.rpj"}


def test_a_destination_that_comes_back_is_waited_for(
    kept: Spooled, capfd: pytest.CaptureFixture[str]
) -> None:
    kept.write(f"{A}.0", head(A) + END)
    model = DaemonModel()
    answers = iter([b"", Reply(503, {}, {"Retry-After": "0"}).encoded()])
    with ScriptedServer(lambda request: next(answers, None) or model(request)) as server:
        ran = Ran(capfd, "deliver", "--url", server.url, "--spool", str(kept.path))
    assert (ran.code, ran.errors) == (0, "")
    assert model.segments == kept.content()


@pytest.mark.parametrize(
    ("words", "variables", "errors"),
    [
        ([], {}, "the following arguments are required: <verb>"),
        (["dance"], {}, "invalid choice: 'dance'"),
        (["deliver", "now"], {}, "unrecognized arguments: now"),
        (["deliver"], {}, "there is no destination: give --url or set RESNET_PROBE_URL"),
        (["deliver", "--url", "probe"], {}, "it is neither https, http nor unix"),
        (["deliver", "--url", "https://h", "--spool", "/no/such"], {}, "there is no folder /no/"),
        (["deliver", "--url", "https://h", "--wait", "-1"], {}, "'-1' is no number of seconds"),
        (["deliver", "--url", "https://h", "--wait", "x"], {}, "'x' is no number of seconds"),
        (["deliver", "--url", "https://h"], {"RESNET_PROBE_TOKEN": "a b"}, "is no token"),
        (["deliver", "--url", "http://h"], {"RESNET_PROBE_TOKEN": "ab"}, "over plain http to h"),
    ],
)
def test_wrong_use_is_exit_code_2(
    words: list[str], variables: dict[str, str], errors: str, capfd: pytest.CaptureFixture[str]
) -> None:
    ran = Ran(capfd, *words, **variables)
    assert (ran.code, ran.output) == (2, "")
    assert errors in ran.errors


def test_a_spool_that_is_empty_or_not_there_has_nothing_that_waits(
    kept: Spooled, capfd: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    empty = Ran(capfd, "deliver", "--url", "https://h", "--spool", str(kept.path))
    assert (empty.code, empty.output) == (0, f"nothing waits in {kept.path} to https://h:443\n")
    none = Ran(capfd, "deliver", "--url", "https://h", XDG_STATE_HOME=str(tmp_path / "none"))
    assert (none.code, none.output) == (0, "nothing waits: there is no spool\n")


def test_another_ones_spool_is_refused(
    capfd: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    ran = Ran(capfd, "deliver", "--url", "https://h", "--spool", str(tmp_path / "link"))
    assert ran.code == 1
    assert "it is a symbolic link" in ran.errors


def test_help_names_the_verb_its_options_and_codes(capfd: pytest.CaptureFixture[str]) -> None:
    assert "deliver" in Ran(capfd, "--help").output
    shown = Ran(capfd, "deliver", "--help").output
    for word in ("--url", "--spool", "--wait", "RESNET_PROBE_TOKEN", "RESNET_PROBE_CA", "code 0:"):
        assert word in shown
    assert Ran(capfd, "--version").output == f"{VERSION}\n"


def test_the_module_is_run_by_its_name_and_hides_the_token(
    kept: Spooled,
) -> None:
    secret = "rp_w_" + "y" * 43
    kept.write(f"{A}.0", head(A) + END)
    lists: list[bytes] = []

    def handler(_request: Received) -> bytes:
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                lists.append(path.read_bytes())
            except OSError:
                continue
        return Reply(403, {"detail": secret}).encoded()

    with ScriptedServer(handler) as server:
        command = process(
            "deliver", "--spool", kept.path, RESNET_PROBE_URL=server.url, RESNET_PROBE_TOKEN=secret
        )
        output, errors = command.communicate(timeout=60)
    assert (command.returncode, output) == (1, "")
    assert "the token may not send journals (403: (redacted))" in errors
    assert not any(secret.encode() in line for line in lists)
    assert any(b"deliver" in line for line in lists) or not pathlib.Path("/proc/self").exists()


def test_ctrl_c_ends_it_with_a_line(kept: Spooled) -> None:
    data = head(A) + END
    kept.write(f"{A}.0", data)
    asked, release = threading.Event(), threading.Event()

    def handler(_request: Received) -> bytes:
        asked.set()
        assert release.wait(60)
        return b""

    with ScriptedServer(handler) as server:
        command = process("deliver", "--url", server.url, "--spool", kept.path)
        assert asked.wait(60)
        command.send_signal(signal.SIGINT)
        output, errors = command.communicate(timeout=60)
        release.set()
    assert (command.returncode, output) == (130, "")
    assert errors == (
        f"resnet-probe: not delivered: {len(data):,} bytes in 1 segment of {kept.path} to"
        f" {server.url}; run it again\n"
    )


def test_a_terminal_shows_how_far_it_is(kept: Spooled, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.write(f"{A}.0", head(A) + END)
    kept.write(f"{B}.0", head(B) + END)
    monkeypatch.setattr("resnet_probe.delivery.command._BETWEEN_LOOKS", 0.0)
    ours, theirs = pty.openpty()
    with ScriptedServer(DaemonModel()) as server:
        errors = os.dup(2)
        try:
            os.dup2(theirs, 2)
            code = main(["deliver", "--url", server.url, "--spool", str(kept.path)], {})
        finally:
            os.dup2(errors, 2)
            os.close(errors)
    shown = os.read(ours, 4096).decode()
    os.close(ours)
    os.close(theirs)
    assert code == 0
    assert "\rresnet-probe: " in shown
    assert " segments to go" in shown
    assert shown.endswith("\r")
