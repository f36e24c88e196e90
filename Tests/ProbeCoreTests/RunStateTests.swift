import ProbeCore
import Testing

@Suite struct RunStateTests {
  private func run(_ status: AttemptFinished.Status?, frames: Int = 11) -> RunSummary {
    RunSummary(
      id: 1, uuid: Identity(bytes: 0..<16)!, name: "r", status: status, startedAt: 1000,
      lastSeenAt: 2000, frames: frames)
  }

  @Test func `a run that ended stays what it ended as`() {
    #expect(run(.completed).state(at: 1e9) == .completed)
    #expect(run(.failed).state(at: 2000) == .failed)
  }

  @Test func `a run is stale after ten of its own intervals of silence`() {
    #expect(run(nil).state(at: 3000) == .running)
    #expect(run(nil).state(at: 3001) == .stale)
  }

  @Test func `a run with short intervals is stale after ten minutes`() {
    #expect(run(nil, frames: 1001).state(at: 2600) == .running)
    #expect(run(nil, frames: 1001).state(at: 2601) == .stale)
    #expect(run(nil, frames: 0).state(at: 2601) == .stale)
  }

  @Test func `a clock set back makes no run stale`() {
    #expect(run(nil).state(at: 0) == .running)
  }
}
