import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct VerdictWindowTests {
  private static func window(_ steps: [StepSummary]) throws -> VerdictWindow {
    try #require(VerdictWindow(steps: steps, settings: VerdictSettings()))
  }

  private static func every(_ stride: Int, to last: Int, rate: Double? = 0.1) -> [StepSummary] {
    (0...(last / stride)).map { StepSummary(step: $0 * stride, learningRate: rate) }
  }

  @Test func `A long run is judged by the records of its last fifth`() throws {
    let window = try Self.window(Self.every(10, to: 5_000))
    #expect(window.firstStep == 4_010)
    #expect(window.lastStep == 5_000)
    #expect(window.records == 100)
    #expect(window.phaseChange == nil)
  }

  @Test func `A short run is judged by its last twenty records`() throws {
    let window = try Self.window(Self.every(10, to: 500))
    #expect(window.firstStep == 310)
    #expect(window.records == 20)
  }

  @Test func `The last fifth is counted from the first step measured`() throws {
    let steps = (0...100).map { StepSummary(step: 900_000 + 10 * $0, learningRate: 0.1) }
    #expect(try Self.window(steps).firstStep == 900_000 + 810)
  }

  @Test func `Nothing before the last phase change is in the window`() throws {
    var steps = Self.every(10, to: 1_000)
    for index in 95...100 { steps[index].learningRate = 0.01 }
    let window = try Self.window(steps)
    #expect(window.firstStep == 950)
    #expect(window.records == 6)
    #expect(window.phaseChange == 950)
  }

  @Test func `A phase change before the last fifth does not shorten the window`() throws {
    let window = try Self.window(Schedules.run(Schedules.step, steps: Array(0..<3_000)))
    #expect(window.phaseChange == 2_250)
    #expect(window.firstStep == 2_400)
  }

  @Test func `Nothing before the end of warm-up is in the window`() throws {
    let steps = Schedules.run(Schedules.warmUpCosine, total: 1_000).filter { $0.step <= 200 }
    let window = try Self.window(steps)
    #expect(window.warmUp.end == 100)
    #expect(!window.warmUp.isAssumed)
    #expect(window.firstStep == 100)
    #expect(window.records == 11)
  }

  @Test func `While the learning rate still rises only the newest record remains`() throws {
    let steps = Schedules.run(Schedules.warmUpCosine, total: 1_000).filter { $0.step <= 90 }
    let window = try Self.window(steps)
    #expect(window.warmUp.end == 90)
    #expect(window.records == 1)
  }

  @Test func `Without learning rates a twentieth of the steps is assumed to be warm-up`() throws {
    let window = try Self.window(Self.every(10, to: 210, rate: nil))
    #expect(window.warmUp.isAssumed)
    #expect(window.warmUp.end == 20)
    #expect(window.firstStep == 20)
    #expect(window.records == 20)
  }

  @Test func `A constant learning rate has no warm-up`() throws {
    #expect(try Self.window(Self.every(10, to: 100)).warmUp == WarmUp(Self.every(10, to: 0)))
  }

  @Test func `A single step is a window of one record, no steps are none`() throws {
    let window = try Self.window([StepSummary(step: 3)])
    #expect(window.firstStep == 3 && window.lastStep == 3 && window.records == 1)
    #expect(VerdictWindow(steps: [], settings: VerdictSettings()) == nil)
  }

  @Test func `A block's records outside the window are left out`() throws {
    let block = blockHistory(gaps: wavering(0.2))
    let window = try Self.window(history([block]).steps)
    let records = window.records(of: block)
    #expect(records.count == 20)
    #expect(records.first?.step == window.firstStep)
  }
}
