import ProbeCore
import ProbeRecorder
import Testing

@Suite struct MisuseTests {
  @Test func `what cannot be measured is counted, said once a cause, and never trapped on`() throws
  {
    let spool = TemporarySpool()
    let said = Said()
    let recorder = try openRecorder(spool.spool(), said: said)
    recorder.measure(block: 0, smallTensors())
    recorder.end()
    #expect(recorder.begin(step: 0))
    recorder.measure(block: 2, smallTensors())
    recorder.measure(block: -1, smallTensors())
    var wrong = smallTensors()
    wrong.width = 7
    wrong.streamWidth = 7
    recorder.measure(block: 0, wrong)
    wrong.samples = .max
    recorder.measure(block: 1, wrong)
    recorder.measure(block: 1, BlockTensors(stream: [1], output: [1], samples: 1, width: 1))
    recorder.measure(updateOf: 0, [ParameterTensor([1])])
    recorder.measure(parametersOf: 0, [ParameterTensor([1, 2], gradient: [1])])
    recorder.log("", 1)
    recorder.log(String(repeating: "k", count: 257), 1)
    recorder.measure(block: 0, smallTensors())
    recorder.end()
    #expect(!recorder.begin(step: 0))
    #expect(!recorder.begin(step: -1))
    recorder.finish(.completed)
    recorder.finish(.completed)
    #expect(!recorder.begin(step: 9))
    #expect(recorder.counts.misuses == 15)
    #expect(recorder.counts.framesWritten == 1)
    #expect(try spool.frames()[0].blocks.map(\.ordinal) == [0])
    #expect(
      said.lines == [
        "resnet-probe: a call came outside a step and was passed over; call begin(step:) before and end(…) after each step",
        "resnet-probe: a measurement names a block outside the block map and was passed over; ordinals count from 0",
        "resnet-probe: block 0: a measurement was passed over: a buffer does not hold samples × width values",
        "resnet-probe: block 1: a measurement was passed over: a residual or dense block takes stream and branch",
        "resnet-probe: block 0: an update was passed over; give measure(updateOf:) the same weights as measure(parametersOf:) in the same step",
        "resnet-probe: block 0: a measurement was passed over: a parameter's gradient has another count than its values",
        "resnet-probe: a metric was passed over; a key takes 1 to 256 bytes and a step 4,096 metrics",
        "resnet-probe: a step does not come after the one before and was passed over; steps count upwards from firstStep",
        "resnet-probe: a call came after finish(…) and was passed over",
      ])
  }

  @Test func `a step that never ended is dropped as a frame, and what was logged for it is kept`()
    throws
  {
    let spool = TemporarySpool()
    let said = Said()
    let recorder = try openRecorder(spool.spool(), said: said)
    _ = recorder.begin(step: 0)
    recorder.measure(block: 0, smallTensors())
    recorder.log("loss", 3)
    _ = recorder.begin(step: 1)
    recorder.measure(block: 0, smallTensors())
    recorder.end()
    _ = recorder.begin(step: 2)
    recorder.finish(.failed)
    let frames = try spool.frames()
    #expect(frames.map(\.step) == [1])
    #expect(frames[0].droppedFrames == 1 && frames[0].blocks[0].microBatches == 1)
    #expect(try spool.records().contains(.metrics(step: 0, [Metric(key: "loss", value: 3)])))
    #expect(recorder.counts.framesDropped == 2 && recorder.counts.misuses == 1)
    #expect(
      said.lines == [
        "resnet-probe: a step began before the one before had ended, whose frame was dropped; call end(…) once a step"
      ])
    guard case .attemptFinished(let end)? = try spool.records().last else {
      throw TemporarySpool.Unreadable()
    }
    #expect(end.droppedFrames == 2)
  }

  @Test(arguments: [0, -1, Double.nan, .infinity])
  func `a loss scale that cannot be leaves gradients out and the rest in`(scale: Double) throws {
    let spool = TemporarySpool()
    let said = Said()
    let recorder = try openRecorder(spool.spool(), said: said)
    _ = recorder.begin(step: 0)
    var tensors = smallTensors(gradient: true)
    tensors.lossScale = scale
    recorder.measure(block: 0, tensors)
    recorder.end()
    let block = try spool.frames()[0].blocks[0]
    #expect(block.taylorImportance.n == 0 && block.outputGradNorm.n == 0)
    #expect(block.identityGap.n == 4)
    #expect(
      said.lines == [
        "resnet-probe: block 0: a loss scale is not a finite number above zero; gradients of that call were passed over"
      ])
  }

  @Test func `each kind of block says which tensors it takes`() {
    let plain = Block(ordinal: 0, name: "p", kind: .plain, shortcut: .none)
    let projection = Block(ordinal: 0, name: "s", shortcut: .projection)
    let residual = Block(ordinal: 0, name: "r")
    let branch = BlockTensors(stream: [1, 2], branch: [1], samples: 1, width: 1, streamWidth: 2)
    let output = BlockTensors(stream: [1], output: [1], samples: 1, width: 1)
    #expect(branch.problem(at: plain) == .tensors("a plain block takes stream and output"))
    #expect(branch.problem(at: projection) == .tensors("a projection block takes its shortcut"))
    #expect(
      branch.problem(at: residual)
        == .tensors(
          "stream and branch have one width where the shortcut is the stream itself"))
    #expect(output.problem(at: plain) == nil)
    let dense = Block(ordinal: 0, name: "d", kind: .concat, shortcut: .none)
    #expect(branch.problem(at: dense) == nil)
    let negative = BlockTensors(stream: [], branch: [], samples: -1, width: 1)
    #expect(
      negative.problem(at: residual)
        == .tensors("samples and dropped must be 0 or more, widths 1 or more"))
  }
}
