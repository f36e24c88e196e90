"""What is sent next, decided without a network, a file or a clock that runs by itself."""

import random

import pytest
from resnet_probe.delivery.courier import (
    LARGEST_BODY,
    RECORD_BODY,
    SMALLEST_BODY,
    Courier,
    Remark,
)
from resnet_probe.delivery.exchange import Answer, Request, Silence
from resnet_probe.delivery.segments import KeptSegment, Place, SegmentName

A, B, C = (digit * 32 for digit in "abc")
REFUSED = Silence("unreachable", "connection refused")


def name(journal: str = A, number: int = 0) -> SegmentName:
    return SegmentName(journal, number)


def kept(
    journal: str = A,
    number: int = 0,
    length: int = 100,
    place: Place = Place.WAITING,
    modified: int = 1000,
) -> KeptSegment:
    return KeptSegment(name(journal, number), place, length, modified)


class Talk:
    """A courier, a manual clock and what was said."""

    def __init__(self, *files: KeptSegment, jitter: float = 1.0) -> None:
        self.courier = Courier("http://probe:1", lambda: jitter)
        self.now = 1000.0
        self.courier.look(files)

    def next(self) -> Request:
        request = self.courier.next(self.now)
        assert request is not None
        return request

    def answer(self, answer: Answer | Silence) -> Remark | None:
        """The next request gets this answer."""
        request = self.next()
        if isinstance(answer, Silence):
            return self.courier.unanswered(request, answer, self.now)
        return self.courier.answered(request, answer, self.now)

    def taken(self, offset: int, store: str = "s") -> None:
        assert self.answer(Answer(200, store, offset)) is None

    @property
    def pause(self) -> float:
        return max(0.0, self.courier.due - self.now)

    def wait(self) -> None:
        """Lets the pause go by."""
        self.now += self.pause


def test_each_segment_is_asked_for_before_it_is_sent_and_read_on_from_there() -> None:
    talk = Talk(kept(length=100))
    assert talk.next() == Request(name())
    talk.taken(40)
    assert talk.next() == Request(name(), 40, 60)
    talk.taken(100)
    assert talk.courier.next(talk.now) is None
    assert talk.courier.is_settled(kept(length=100))
    talk.courier.look([kept(length=130)])
    assert talk.next() == Request(name(), 100, 30)


def test_bodies_are_of_a_mebibyte_at_most() -> None:
    talk = Talk(kept(length=(2 << 20) + 7))
    talk.taken(0)
    sizes = []
    while (request := talk.courier.next(talk.now)) is not None:
        sizes.append(request.length)
        talk.taken(request.end)
    assert sizes == [LARGEST_BODY, LARGEST_BODY, 7]


def test_own_journals_go_first_then_fresh_ones_then_old_ones_then_kept_ones() -> None:
    files = [
        kept(C, 0, modified=10),
        kept(B, 1, modified=40),
        kept(B, 0, modified=30),
        kept("d" * 32, 0, modified=990),
        kept(A, 10, modified=20),
        kept(A, 9, modified=20),
        kept("e" * 32, 0, place=Place.DELIVERED, modified=1),
        kept("f" * 32, 0, place=Place.DAMAGED, modified=2),
    ]
    courier = Courier("x", lambda: 1.0)
    courier.look(files, own={A}, wall_time=1000)
    order = []
    while (request := courier.next(0.0)) is not None:
        order.append(str(request.segment)[0] + str(request.segment.number))
        courier.answered(request, Answer(200, "s", 100), 0.0)
    assert order == ["a9", "a10", "d0", "c0", "b0", "b1", "e0", "f0"]


def test_only_some_journals_are_sent_where_another_process_sends_the_rest() -> None:
    talk = Talk(kept(A), kept(B), kept(C))
    request = talk.courier.next(talk.now, {B})
    assert request == Request(name(B))
    talk.courier.answered(request, Answer(200, "s", 100), talk.now)
    assert talk.courier.next(talk.now, {B}) is None
    assert talk.courier.is_done_with(B)
    assert not talk.courier.is_done_with(A)


def test_a_cut_record_at_the_end_is_sent_once_and_again_when_it_grew() -> None:
    talk = Talk(kept(length=100))
    talk.taken(0)
    talk.taken(90)
    assert talk.courier.next(talk.now) is None
    assert talk.courier.settled_length(name()) == 100
    assert talk.courier.bytes_left(kept(length=100)) == 0
    talk.courier.look([kept(length=120)])
    assert talk.next() == Request(name(), 90, 30)


def test_a_record_longer_than_a_body_makes_the_body_longer() -> None:
    talk = Talk(kept(length=9 << 20))
    talk.taken(0)
    sizes = []
    for _ in range(3):
        talk.wait()
        sizes.append(talk.next().length)
        talk.taken(0)
    assert sizes == [1 << 20, 2 << 20, 4 << 20]
    talk.wait()
    assert talk.next().length == RECORD_BODY
    talk.taken(4 << 20)
    assert talk.next().length == LARGEST_BODY


def test_a_record_that_never_fits_is_given_up_with_a_remark() -> None:
    talk = Talk(kept(length=9 << 20), kept(B))
    talk.taken(0)
    for _ in range(3):
        talk.wait()
        talk.taken(0)
    talk.wait()
    remark = talk.answer(Answer(200, "s", 0))
    assert remark is not None
    assert remark.message == (
        f"http://probe:1 cannot take segment {name()}: a record is longer than what it takes"
    )
    talk.wait()
    assert talk.next() == Request(name(B))


def test_409_goes_on_from_there_and_asks_for_everything_else_again() -> None:
    talk = Talk(kept(A), kept(B, length=50))
    talk.taken(100)
    talk.taken(50)
    talk.courier.look([kept(A, length=120), kept(B, length=50)])
    assert talk.next() == Request(name(A), 100, 20)
    assert talk.answer(Answer(409, None, 60)) is None
    assert talk.pause > 0
    talk.wait()
    assert talk.next() == Request(name(A), 60, 60)
    talk.taken(120)
    assert talk.next() == Request(name(B))


def test_a_200_that_goes_backwards_is_a_store_restored_from_a_copy() -> None:
    talk = Talk(kept(A), kept(B))
    talk.taken(100)
    talk.taken(100)
    talk.courier.look([kept(A, length=120), kept(B)])
    talk.taken(30)
    talk.wait()
    assert talk.next() == Request(name(A), 30, 90)
    talk.taken(120)
    assert talk.next() == Request(name(B))


def test_another_store_is_asked_for_all_that_is_kept() -> None:
    talk = Talk(kept(A), kept(B, place=Place.DELIVERED), kept(C, place=Place.DAMAGED))
    for _ in range(3):
        talk.taken(100, "old")
    talk.courier.look(
        [kept(A, length=120), kept(B, place=Place.DELIVERED), kept(C, place=Place.DAMAGED)]
    )
    talk.taken(120, "new")
    asked = []
    for _ in range(2):
        talk.wait()
        request = talk.next()
        asked.append(request)
        talk.taken(0, "new")
        talk.wait()
        assert talk.next() == Request(request.segment, 0, 100)
        talk.taken(100, "new")
    assert asked == [Request(name(B)), Request(name(C))]
    assert talk.courier.is_idle


def test_stores_that_take_turns_are_not_asked_without_end() -> None:
    talk = Talk(*(kept(letter * 32) for letter in "abcdef"))
    requests = 0
    ends = talk.now + 3600
    while talk.now < ends:
        talk.taken(0, f"store {requests}")
        requests += 1
        talk.wait()
    assert requests < 200


@pytest.mark.parametrize("status", [429, 500, 502, 503, 507])
def test_later_means_later_and_is_said_the_third_time(status: int) -> None:
    talk = Talk(kept())
    remarks = []
    for _ in range(4):
        remarks.append(talk.answer(Answer(status, retry_after=7, problem="come back")))
        assert 7 <= talk.pause <= 7 + 4
        talk.wait()
    assert [remark is not None for remark in remarks] == [False, False, True, True]
    assert remarks[2] == Remark(
        f"undelivered {status}",
        f"nothing is delivered to http://probe:1: it answers {status}: come back; journals wait in"
        " the spool and go out once it takes them",
    )
    talk.taken(100)
    assert talk.courier.trouble is None


def test_what_the_other_side_asks_for_is_bounded() -> None:
    talk = Talk(kept())
    talk.answer(Answer(503, retry_after=999_999_999))
    assert talk.pause <= 301


def test_pauses_double_up_to_a_minute_with_jitter_and_end_with_an_answer() -> None:
    talk = Talk(kept())
    pauses = []
    for _ in range(12):
        talk.answer(REFUSED)
        pauses.append(talk.pause)
        talk.wait()
    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    talk.taken(0)
    talk.answer(REFUSED)
    assert talk.pause == 0.5
    least = Talk(kept(), jitter=0.0)
    least.answer(REFUSED)
    assert least.pause == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "it wants another token (401: no); set RESNET_PROBE_TOKEN"),
        (403, "the token may not send journals (403: no); set RESNET_PROBE_TOKEN"),
        (301, "it answers 301, and redirects are not followed; set RESNET_PROBE_URL"),
        (404, "it answers 404: no; is RESNET_PROBE_URL a resnet-probe daemon?"),
        (200, "its answer 200 is not a resnet-probe daemon's; set RESNET_PROBE_URL"),
        (409, "its answer 409 is not a resnet-probe daemon's; set RESNET_PROBE_URL"),
        (422, "its answer 422 is not a resnet-probe daemon's; set RESNET_PROBE_URL"),
    ],
)
def test_what_only_people_can_mend_is_said_at_once_and_tried_slowly(
    status: int, words: str
) -> None:
    talk = Talk(kept())
    remark = talk.answer(Answer(status, problem="no"))
    assert remark is not None
    assert remark.message.startswith(f"nothing is delivered to http://probe:1: {words}; journals")
    assert talk.courier.trouble is not None
    assert talk.courier.trouble.is_lasting
    assert talk.pause >= 30
    talk.courier.hurry()
    talk.taken(100)
    assert talk.courier.is_idle


def test_a_409_that_makes_no_sense_is_not_believed() -> None:
    talk = Talk(kept())
    talk.taken(10)
    assert talk.answer(Answer(409, None, 10)) is not None
    talk.wait()
    assert talk.next() == Request(name(), 10, 90)


def test_413_halves_the_body_until_it_fits() -> None:
    talk = Talk(kept(length=1 << 20))
    talk.taken(0)
    sizes = []
    for _ in range(4):
        sizes.append(talk.next().length)
        talk.answer(Answer(413))
        talk.wait()
    assert sizes == [1 << 20, 1 << 19, 1 << 18, 1 << 17]
    assert talk.next().length == SMALLEST_BODY
    talk.taken(SMALLEST_BODY)
    assert talk.next().length == SMALLEST_BODY


def test_a_segment_whose_smallest_body_is_too_long_is_passed_over() -> None:
    talk = Talk(kept(length=1000), kept(B))
    talk.taken(0)
    remark = talk.answer(Answer(413))
    assert remark is not None
    assert "it takes no body of 64 KiB" in remark.message
    talk.wait()
    assert talk.next() == Request(name(B))
    assert talk.courier.bytes_left(kept(length=1000)) == 1000


def test_422_sets_a_segment_aside_and_goes_on_with_the_next() -> None:
    talk = Talk(kept(A, 0), kept(A, 1))
    talk.taken(0)
    remark = talk.answer(Answer(422, None, 60, problem="wrong CRC"))
    assert remark is not None
    assert remark.message == (
        f"http://probe:1 refused segment {name()} after byte 60: wrong CRC; it is set aside as"
        " .damaged, and delivery goes on with the next"
    )
    assert talk.courier.is_damaged(name())
    assert talk.courier.bytes_left(kept()) == 40
    assert talk.next() == Request(name(A, 1))


def test_a_damaged_segment_that_is_refused_again_is_not_spoken_of() -> None:
    talk = Talk(kept(place=Place.DAMAGED))
    assert talk.answer(Answer(422, None, 60)) is None
    assert talk.courier.is_idle


def test_a_lost_connection_asks_for_everything_again_and_a_slow_one_sends_less() -> None:
    talk = Talk(kept(A, length=1 << 20), kept(B))
    talk.taken(0)
    assert talk.answer(Silence("slow", "it took too long")) is None
    talk.wait()
    assert talk.next() == Request(name(A))
    talk.taken(0)
    assert talk.next().length == 1 << 19
    talk.taken(1 << 19)
    assert talk.next().length == 1 << 19


def test_an_offset_beyond_the_file_keeps_it_where_it_is() -> None:
    talk = Talk(kept(length=100))
    remark = talk.answer(Answer(200, "s", 150))
    assert remark is not None
    assert remark.message == (
        f"http://probe:1 knows 150 bytes of {name()}, which has 100: it stays in the spool; was it"
        " restored from a copy?"
    )
    assert talk.courier.next(talk.now) is None
    assert talk.courier.settled_length(name()) == 150
    talk.courier.look([kept(length=160)])
    assert talk.next() == Request(name(), 150, 10)


def test_a_server_that_takes_a_byte_at_a_time_is_not_sent_a_mebibyte_for_each() -> None:
    talk = Talk(kept(length=16 << 20))
    talk.taken(0)
    sent = 0
    ends = talk.now + 3600
    while talk.now < ends:
        request = talk.next()
        sent += request.length
        talk.taken(request.offset + 1)
        talk.wait()
    assert sent < 100 << 20


def test_failing_for_an_hour_makes_few_requests() -> None:
    numbers = random.Random(5)
    courier = Courier("x", numbers.random)
    courier.look([kept(letter * 32) for letter in "abcdef"])
    now, requests = 0.0, 0
    while now < 3600:
        request = courier.next(now)
        assert request is not None
        courier.unanswered(request, REFUSED, now)
        requests += 1
        now = max(now, courier.due)
    assert requests < 250


def test_segments_that_vanish_are_forgotten() -> None:
    talk = Talk(kept(A), kept(B))
    request = talk.next()
    talk.courier.look([kept(B)])
    assert talk.courier.answered(request, Answer(200, "s", 100), talk.now) is None
    assert talk.next() == Request(name(B))
    assert talk.courier.bytes_left(kept(A)) == 100
