import ProbeCore
import ProbeWire
import Support
import Testing

@Suite struct AblationCodecTests {
  private static let examination = Examination(
    identity: Identity(bytes: [UInt8](repeating: 9, count: 16))!, step: 400, samples: 64,
    planned: 27, baseLoss: 0.25, baseError: 0.0625)

  private static var ablation: Ablation {
    var ablation = Ablation(
      ordinals: [3], wallTime: 1.75e9, lossChanges: Moments(n: 64, mean: 0.5, m2: 2)!)
    ablation.loss = Ablation.Change(value: 0.5, lower: 0.375, upper: 0.625)
    ablation.halves = Ablation.Halves(even: 0.25, odd: 0.75, evenError: 0.125)
    ablation.error = Ablation.Change(value: -0.03125, lower: -0.0625, upper: 0)
    ablation.identityGap = LogDistribution(
      n: 64, logs: Moments(n: 64, mean: -1, m2: 2)!, p50: 0.25, p90: 0.5, p99: 1, max: 2)
    return ablation
  }

  private func back(_ examination: Examination, _ ablation: Ablation) throws(WireError) -> Record? {
    try RecordCodec.decode(
      try RecordCodec.encode(.ablation(examination, ablation), in: Golden.segment),
      in: Golden.segment)
  }

  /// What is said of an ablation after a change to it.
  private func problem(
    _ change: (inout Examination, inout Ablation) -> Void
  ) -> WireError? {
    var (examination, ablation) = (Self.examination, Self.ablation)
    change(&examination, &ablation)
    do throws(WireError) {
      _ = try back(examination, ablation)
      return nil
    } catch { return error }
  }

  @Test func `all of an ablation comes through`() throws {
    #expect(
      try back(Self.examination, Self.ablation) == .ablation(Self.examination, Self.ablation))
  }

  @Test func `blocks removed together, no error and losses that are not finite come through`()
    throws
  {
    var (examination, ablation) = (Self.examination, Self.ablation)
    examination.baseError = nil
    ablation.ordinals = [0, 4, 16_383]
    ablation.lossChanges = Moments(n: 60, mean: -0.5, m2: 2)!
    ablation.nonFinite = 4
    (ablation.loss, ablation.halves, ablation.error) = (nil, nil, nil)
    ablation.identityGap = LogDistribution()
    #expect(try back(examination, ablation) == .ablation(examination, ablation))
  }

  @Test func `all samples may lose a finite loss`() throws {
    var ablation = Self.ablation
    ablation.lossChanges = Moments()
    ablation.nonFinite = 64
    (ablation.loss, ablation.halves) = (nil, nil)
    #expect(try back(Self.examination, ablation) == .ablation(Self.examination, ablation))
  }

  @Test func `what cannot be is refused`() {
    let changes: [(String, (inout Examination, inout Ablation) -> Void)] = [
      (
        "a probe set of 1 samples",
        {
          $0.samples = 1; $1.lossChanges = Moments(n: 1, mean: 0, m2: 0)!
        }
      ),
      ("an examination that plans nothing", { examination, _ in examination.planned = 0 }),
      ("a base loss of nan", { examination, _ in examination.baseLoss = .nan }),
      ("a base error of 1.5", { examination, _ in examination.baseError = 1.5 }),
      ("a confidence of 1.0", { examination, _ in examination.confidence = 1 }),
      ("a confidence of 0.5", { examination, _ in examination.confidence = 0.5 }),
      ("an ablation of blocks that are no ascending ordinals", { $1.ordinals = [] }),
      ("an ablation of blocks that are no ascending ordinals", { $1.ordinals = [3, 3] }),
      ("an ablation of blocks that are no ascending ordinals", { $1.ordinals = [16_384] }),
      ("an ablation of other samples than its probe set's", { $1.nonFinite = 1 }),
      ("bounds of a change of the loss that do not fit its samples", { $1.loss = nil }),
      ("bounds of a change of the loss that do not fit its samples", { $1.halves = nil }),
      (
        "a change of the loss of 0.5 within 1.0 to 0.0",
        {
          $1.loss?.lower = 1; $1.loss?.upper = 0
        }
      ),
      ("a change of the loss of 0.5 within -inf to 0.625", { $1.loss?.lower = -.infinity }),
      ("halves that are not finite", { $1.halves?.odd = .nan }),
      ("a change of an error that is not known", { examination, _ in examination.baseError = nil }),
      ("a change of an error that is not known", { $1.error = nil }),
      ("a change of the error of -2.0", { $1.error?.value = -2 }),
      ("a gap of several blocks", { $1.ordinals = [1, 2] }),
      ("a time of -1.0", { $1.wallTime = -1 }),
    ]
    for (words, change) in changes { #expect(problem(change) == .impossible(words)) }
  }

  @Test func `an identity of another length is refused`() throws {
    var payload = try RecordCodec.encode(
      .ablation(Self.examination, Self.ablation), in: Golden.segment)
    // Field 1 of the message: its length is one byte more than the identity's last but one.
    let place = payload.firstRange(of: [0x0A, 16] + [UInt8](repeating: 9, count: 16))!
    payload[place.lowerBound + 1] = 15
    #expect(throws: WireError.self) { try RecordCodec.decode(payload, in: Golden.segment) }
  }

  @Test func `more blocks than a network may have are refused before they are decoded`() throws {
    var ablation = Self.ablation
    ablation.ordinals = Array(0...BlockMap.maximumBlocks)
    ablation.identityGap = LogDistribution()
    #expect(
      throws: WireError.impossible("16385 blocks removed together (16384 are allowed)")
    ) { try back(Self.examination, ablation) }
  }

  @Test func `bytes cut or flipped anywhere are an error or a record, never a crash`() throws {
    let payload = try RecordCodec.encode(
      .ablation(Self.examination, Self.ablation), in: Golden.segment)
    for end in payload.indices {
      _ = try? RecordCodec.decode(Array(payload[..<end]), in: Golden.segment)
      for bit in 0..<8 {
        var changed = payload
        changed[end] ^= 1 << UInt8(bit)
        _ = try? RecordCodec.decode(changed, in: Golden.segment)
      }
    }
  }
}
