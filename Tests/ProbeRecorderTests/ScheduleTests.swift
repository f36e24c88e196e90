import ProbeRecorder
import Testing

@Suite struct ScheduleTests {
  @Test func `the default measures 0, 1, 2, 5, every tenth to 500, then every fiftieth`() {
    let measured = (0...700).filter { Schedule.default.measures(step: $0) }
    let expected =
      [0, 1, 2, 5] + Array(stride(from: 10, through: 500, by: 10)) + [550, 600, 650, 700]
    #expect(measured == expected)
  }

  @Test(arguments: [(400, 1), (1_000, 2), (10_000, 20), (25_000, 50), (1_000_000, 50)])
  func `with planned steps the spacing after 500 is a five-hundredth of them, 1 to 50`(
    planned: Int, spacing: Int
  ) {
    let first = (501..<600).first {
      Schedule.default.measures(step: $0, plannedSteps: max(planned, 600))
    }
    let second = (501..<600).first { $0 > 500 && $0 % spacing == 0 }
    #expect(first == (planned < 600 ? 501 : second))
  }

  @Test func `the last planned step is measured`() {
    #expect(Schedule.default.measures(step: 12_344, plannedSteps: 12_345))
    #expect(!Schedule.default.measures(step: 12_344))
    #expect(Schedule.every(7).measures(step: 99, plannedSteps: 100))
    #expect(!Schedule.every(7).measures(step: 99))
  }

  @Test func `every n measures its multiples, and n below 1 is 1`() {
    #expect((0..<10).filter { Schedule.every(3).measures(step: $0) } == [0, 3, 6, 9])
    #expect((0..<3).filter { Schedule.every(0).measures(step: $0) } == [0, 1, 2])
  }

  @Test func `steps below zero are not measured`() {
    #expect(!Schedule.default.measures(step: -10))
    #expect(!Schedule.every(1).measures(step: -1, plannedSteps: 0))
  }
}
