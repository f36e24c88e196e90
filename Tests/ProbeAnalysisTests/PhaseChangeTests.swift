import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct PhaseChangeTests {
  private static func changes(_ steps: [StepSummary]) throws -> [Int] {
    let end = try #require(WarmUp(steps)).end
    return PhaseChange.steps(in: steps).filter { $0 > end }
  }

  @Test func `Smooth schedules have no phase change after warm-up`() throws {
    for schedule in Schedules.smooth {
      for steps in [nil, Array(0..<3_000), Array(stride(from: 0, to: 3_000, by: 7))] {
        #expect(
          try Self.changes(Schedules.run(schedule.rate, steps: steps)) == [], "\(schedule.name)")
      }
    }
  }

  @Test(arguments: [4, 5, 10, 15, 30, 90])
  func `Smooth schedules set once an epoch have none either`(epochs: Int) throws {
    let steps = Array(stride(from: 0, to: 3_000, by: 5))
    for schedule in Schedules.smooth where schedule.name != "one-cycle" || epochs > 5 {
      let run = Schedules.run(schedule.rate, epochs: epochs, steps: steps)
      #expect(try Self.changes(run) == [], "\(schedule.name)")
    }
  }

  @Test func `Drops are found at their step, by ten as by two`() {
    #expect(PhaseChange.steps(in: Schedules.run(Schedules.step)) == [1_500, 2_250])
    #expect(PhaseChange.steps(in: Schedules.run(Schedules.halving)) == [750, 1_500, 2_250])
  }

  @Test func `Warm restarts are found`() {
    #expect(PhaseChange.steps(in: Schedules.run(Schedules.warmRestarts)) == [750, 1_500, 2_250])
    let epochs = Schedules.run(
      Schedules.warmRestarts, epochs: 40, steps: Array(stride(from: 0, to: 3_000, by: 5)))
    #expect(PhaseChange.steps(in: epochs) == [750, 1_500, 2_250])
  }

  @Test func `A drop by ten at the end of a slow decay is found, whether set by step or by epoch`()
  {
    let decay: Schedules.Rate = { 0.1 * (1 - 0.3 * $0) * ($0 < 0.8 ? 1 : 0.1) }
    #expect(PhaseChange.steps(in: Schedules.run(decay)) == [2_400])
    let epochs = Schedules.run(decay, epochs: 30, steps: Array(stride(from: 0, to: 3_000, by: 10)))
    #expect(PhaseChange.steps(in: epochs) == [2_400])
  }

  @Test func `A drop by ten at the end of a staircase of tenths is found`() {
    let stairs: Schedules.Rate = { done in
      var rate = done < 0.8 ? 0.1 : 0.01
      for _ in 0..<Int(done * 10 + 1e-9) { rate *= 0.9 }
      return rate
    }
    let steps = Array(stride(from: 0, to: 3_000, by: 10))
    #expect(PhaseChange.steps(in: Schedules.run(stairs, steps: steps)) == [2_400])
  }

  @Test func `A single low record is no drop before three agree`() {
    let rates = [0.1, 0.1, 0.01, 0.01]
    let steps = rates.enumerated().map { StepSummary(step: $0.offset, learningRate: $0.element) }
    #expect(PhaseChange.steps(in: steps) == [])
    let longer = ([0.1] + rates).enumerated().map {
      StepSummary(step: $0.offset, learningRate: $0.element)
    }
    #expect(PhaseChange.steps(in: longer) == [3])
  }

  @Test func `Steps without a learning rate and rates of zero change nothing`() {
    let rates: [Double?] = [0.1, nil, 0.1, nil, .nan, 0.1, nil, 0.01, nil]
    let steps = rates.enumerated().map { StepSummary(step: $0.offset, learningRate: $0.element) }
    #expect(PhaseChange.steps(in: steps) == [7])
    #expect(PhaseChange.steps(in: (0..<9).map { StepSummary(step: $0, learningRate: 0) }) == [])
    #expect(PhaseChange.steps(in: []) == [])
  }
}
