import Foundation
import ProbeCore
import ProbeRecorder
import Testing

@Suite struct RecorderTests {
  @Test func `a run leaves its head, one frame per measured step and its end`() throws {
    let spool = TemporarySpool()
    let description = RunDescription(
      name: "digits", project: "demo", id: Identity("00112233445566778899aabbccddeeff"),
      firstStep: 0, plannedSteps: 5, config: ["lr": "0.1", "hf_token": "abc"])
    let recorder = try openRecorder(
      spool.spool(), schedule: .every(2), description: description)
    for step in 0..<5 {
      #expect(recorder.begin(step: step) == (step % 2 == 0))
      recorder.measure(block: 0, smallTensors())
      recorder.measure(block: 1, smallTensors(samples: 3))
      recorder.measure(block: 1, smallTensors(samples: 2))
      recorder.log("accuracy", 0.5)
      recorder.log("accuracy", Double(step))
      recorder.end(loss: 1, learningRate: 0.1, lossScale: 8, skipped: step == 4)
    }
    recorder.log("after", 7)
    recorder.finish(.completed)
    let records = try spool.records()
    guard case .runOpened(let opened)? = records.first else { throw TemporarySpool.Unreadable() }
    #expect(opened.run == description.id && recorder.run == opened.run)
    #expect(opened.name == "digits" && opened.plannedSteps == 5)
    #expect(opened.config == ["lr": "0.1", "hf_token": "(redacted)"])
    #expect(records[1] == .blockMap(residualBlocks(2)))
    let frames = try spool.frames()
    #expect(frames.map(\.step) == [0, 2, 4])
    #expect(frames.map(\.skipped) == [false, false, true])
    #expect(frames[1].metrics == [Metric(key: "accuracy", value: 2)])
    #expect(frames[1].loss == 1 && frames[1].learningRate == 0.1 && frames[1].lossScale == 8)
    #expect(frames[0].blocks.map(\.ordinal) == [0, 1])
    #expect(frames[0].blocks[1].samples == 5 && frames[0].blocks[1].microBatches == 2)
    #expect(frames.allSatisfy { $0.recorderSeconds > 0 && $0.recorderSeconds < 1 })
    #expect(records.contains(.metrics(step: 1, [Metric(key: "accuracy", value: 1)])))
    #expect(records.contains(.metrics(step: 4, [Metric(key: "after", value: 7)])))
    guard case .attemptFinished(let end)? = records.last else { throw TemporarySpool.Unreadable() }
    #expect(end.status == .completed && end.lastStep == 4 && end.droppedFrames == 0)
    #expect(recorder.counts.framesWritten == 3 && recorder.counts.misuses == 0)
  }

  @Test func `the absorbed fraction is counted at every tenth measured step`() throws {
    let spool = TemporarySpool()
    let recorder = try openRecorder(spool.spool(), schedule: .every(2))
    for step in 0..<44 {
      _ = recorder.begin(step: step)
      recorder.measure(block: 0, smallTensors())
      recorder.end()
    }
    let counted = try spool.frames().filter { $0.blocks[0].absorbedFraction != nil }
    #expect(counted.map(\.step) == [0, 20, 40])
  }

  @Test func `parameters and their update are measured as defined`() throws {
    let spool = TemporarySpool()
    let recorder = try openRecorder(spool.spool())
    let weights: [Float] = [3, 0, 0, 4]
    let bias: [Float] = [12]
    for step in 0..<2 {
      _ = recorder.begin(step: step)
      recorder.measure(
        parametersOf: 1,
        [
          ParameterTensor(weights, gradient: [2, 0, 0, 0]),
          ParameterTensor(bias, gradient: [4]),
        ], gate: ParameterTensor([1, 7]), lastMap: [ParameterTensor([1, 2], gradient: [10, -30])],
        lossScale: 2)
      recorder.measure(updateOf: 1, [ParameterTensor([3, 0, 0, 4]), ParameterTensor([12.13])])
      recorder.end(skipped: step == 1)
    }
    let blocks = try spool.frames().map { $0.blocks[0] }
    #expect(blocks[0].ordinal == 1 && blocks[0].samples == 0)
    #expect(blocks[0].weightNorm == 13)
    #expect(abs(blocks[0].gradientNorm! - 20.0.squareRoot() / 2) < 1e-12)
    #expect(blocks[0].gateRMS == 5)
    #expect(blocks[0].gateGradient == -25)
    #expect(abs(blocks[0].updateRatio! - 0.01) < 1e-7)
    #expect(blocks[1].updateRatio == nil && blocks[1].weightNorm == 13)
  }

  @Test func `an update is followed on evenly spread elements of large parameters`() {
    let before = [Float](repeating: 2, count: 100_000)
    let snapshot = ParameterSnapshot([.array(before), .array(before)], capacity: 65_536)
    let after = before.map { $0 * 1.5 }
    #expect(snapshot.updateRatio(to: [.array(after), .array(after)]) == 0.5)
    #expect(!snapshot.matches([.array(before)]))
    let zero = [Float](repeating: 0, count: 10)
    #expect(ParameterSnapshot([.array(zero)], capacity: 4).updateRatio(to: [.array(zero)]) == nil)
  }

  @Test func `gradients are those of each sample's own unscaled loss`() throws {
    let spool = TemporarySpool()
    let recorder = try openRecorder(spool.spool())
    _ = recorder.begin(step: 0)
    var tensors = smallTensors(samples: 4, width: 8, gradient: true)
    tensors.lossScale = 16
    tensors.dropped = 4
    recorder.measure(block: 0, tensors)
    recorder.end()
    let block = try spool.frames()[0].blocks[0]
    let norm = (8 * 0.25).squareRoot()
    #expect(abs(block.outputGradNorm.mean - norm * 8 / 16) < 1e-9)
    #expect(block.samples == 8 && block.dropped == 4)
  }

  @Test func `its own cost is what its clock says between its calls`() throws {
    let spool = TemporarySpool()
    var now = 0.0
    let clock = Clock(
      monotonic: {
        now += 1
        return now
      }, wall: { 1_700_000_000 })
    let recorder = try openRecorder(spool.spool(), clock: clock)
    for step in 0..<2 {
      _ = recorder.begin(step: step)
      recorder.measure(block: 0, smallTensors())
      recorder.measure(block: 1, smallTensors())
      recorder.end()
    }
    let frames = try spool.frames()
    // Two measurements and the frame; then one second more for the write of the frame before.
    #expect(frames.map(\.recorderSeconds) == [3, 4])
    #expect(frames.allSatisfy { $0.wallTime == 1_700_000_000 })
  }

  @Test(arguments: [
    (2, true, AttemptFinished.Status.failed), (3, true, .completed), (3, false, .failed),
  ])
  func `a recorder that goes away unfinished failed, unless its last planned step ended`(
    steps: Int, endsLast: Bool, status: AttemptFinished.Status
  ) throws {
    let spool = TemporarySpool()
    do {
      let recorder = try openRecorder(
        spool.spool(), description: RunDescription(name: "r", plannedSteps: 3))
      for step in 0..<steps {
        _ = recorder.begin(step: step)
        if step < steps - 1 || endsLast { recorder.end() }
      }
    }
    guard case .attemptFinished(let end)? = try spool.records().last else {
      throw TemporarySpool.Unreadable()
    }
    #expect(end.status == status && end.lastStep == steps - 1)
    #expect(end.droppedFrames == (endsLast ? 0 : 1))
  }

  @Test func `pointers are read like arrays`() throws {
    let spool = TemporarySpool()
    let recorder = try openRecorder(spool.spool())
    let stream: [Float] = [1, 2, 3, 4]
    let branch: [Float] = [0.1, 0.2, 0.3, 0.4]
    _ = recorder.begin(step: 0)
    recorder.measure(block: 0, BlockTensors(stream: stream, branch: branch, samples: 2, width: 2))
    stream.withUnsafeBufferPointer { stream in
      branch.withUnsafeBufferPointer { branch in
        recorder.measure(
          block: 1, BlockTensors(stream: stream, branch: branch, samples: 2, width: 2))
      }
    }
    recorder.end()
    var blocks = try spool.frames()[0].blocks
    blocks[1].ordinal = 0
    #expect(blocks[0] == blocks[1] && blocks[0].identityGap.n == 2)
  }
}
