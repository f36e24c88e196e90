import Foundation
import ProbeCore
import ProbeDaemon
import ProbeStore
import Support
import Testing

/// What keeping verdicts current costs on a long run; measured only where it is asked for, since times
/// are no assertion: `MEASURE_KEEPING=1 swift test -c release --skip-build --filter KeepingCostTests`.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["MEASURE_KEEPING"] != nil))
struct KeepingCostTests {
  @Test func `one more frame of a run of 54 blocks and ten thousand frames`() throws {
    let intake = try Intake()
    var run = LongRun(blocks: 54)
    let count = 10_000
    for _ in 0..<(count / 250) { _ = try intake.store.append(run.batch(250)) }
    let clock = ContinuousClock()
    var keeper = VerdictKeeper()
    let first = try clock.measure { try keeper.update([1], in: intake.store) }
    print("first update after \(count) frames: \(first)")
    for _ in 0..<5 {
      _ = try intake.store.append(run.batch(1))
      let kept = try clock.measure { try keeper.update([1], in: intake.store) }
      print("one more frame, with a keeper: \(kept)")
    }
    for _ in 0..<3 {
      _ = try intake.store.append(run.batch(1))
      let fresh = try clock.measure { try VerdictUpdate.update([1], in: intake.store) }
      print("one more frame, by a new process: \(fresh)")
    }
  }
}

/// A run whose frames come in batches of any length; measured every step.
struct LongRun {
  private let opened: RunOpened
  private let map: BlockMap
  private let journal = Identity.random()
  private var next = 0
  private var offset = 0

  init(blocks: Int) {
    map = try! BlockMap((0..<blocks).map { Block(ordinal: $0, name: "blocks.\($0)") })
    opened = RunOpened(run: .random(), attempt: .random(), name: "long", startedAt: 1.75e9)
  }

  /// The next frames.
  mutating func batch(_ frames: Int) -> JournalBatch {
    var batch = JournalBatch(journal: journal, segment: 0, from: offset)
    batch.records = offset == 0 ? [.runOpened(opened), .blockMap(map)] : []
    for step in next..<(next + frames) { batch.records.append(.frame(frame(step))) }
    next += frames
    offset += batch.records.count
    batch.to = offset
    return batch
  }

  private func frame(_ step: Int) -> Frame {
    var frame = Golden.frame(step: step, gap: 0.25)
    let model = frame.blocks[0]
    frame.blocks = map.blocks.indices.map { ordinal in
      var block = model
      block.ordinal = ordinal
      let wobble = 1 + 0.05 * Double((step * 7 + ordinal * 3) % 11 - 5) / 5
      block.identityGap.p50 = (ordinal % 3 == 0 ? 0.02 : 0.3) * wobble
      return block
    }
    frame.metrics = []
    return frame
  }
}
