import ProbeCore
import ProbeRecorder
import Testing

@Suite struct RecorderExaminingTests {
  private let blocks = try! BlockMap([
    Block(ordinal: 0, name: "layers.0", shape: [8]),
    Block(ordinal: 1, name: "layers.1", shape: [8]),
  ])
  private let examination = Examination(
    identity: .random(), step: 10, samples: 4, planned: 2, baseLoss: 1)
  private let ablation = Ablation(
    removing: [1], from: ProbeSetLosses(losses: [1, 1, 1, 1]),
    leaving: ProbeSetLosses(losses: [2, 1, 2, 1]))

  private func recorder(_ spool: TemporarySpool) throws -> Recorder {
    try Recorder(
      opening: RunDescription(name: "examined"), blocks: blocks, spool: spool.spool())
  }

  @Test func `an ablation is in the journal with its time, before and after frames`() throws {
    let spool = TemporarySpool()
    let recorder = try recorder(spool)
    recorder.record(ablation, of: examination)
    #expect(recorder.begin(step: 0))
    recorder.end(loss: 1)
    recorder.record(ablation, of: examination)
    recorder.finish(.completed)
    let found = try spool.records().compactMap { record -> Ablation? in
      guard case .ablation(examination, let ablation) = record else { return nil }
      return ablation
    }
    #expect(found.count == 2 && found.allSatisfy { $0.wallTime > 1.7e9 })
    var expected = ablation
    expected.wallTime = found[0].wallTime
    #expect(found[0] == expected)
    #expect(recorder.counts.framesWritten == 1 && recorder.counts.examinedDropped == 0)
  }

  @Test func `a block outside the map and a call after the end are passed over and counted`() throws
  {
    let spool = TemporarySpool()
    let recorder = try recorder(spool)
    var foreign = ablation
    foreign.ordinals = [2]
    recorder.record(foreign, of: examination)
    foreign.ordinals = []
    recorder.record(foreign, of: examination)
    #expect(recorder.counts.misuses == 2)
    recorder.finish(.completed)
    recorder.record(ablation, of: examination)
    #expect(recorder.counts.misuses == 3)
    #expect(
      try spool.records().allSatisfy { if case .ablation = $0 { false } else { true } })
  }
}
