import ProbeCore
import ProbeWire
import Support

/// Makes journals that no recorder writes: whole records with right checksums that say what cannot be,
/// what contradicts what came before, and what can be but hardly is.
struct HostileJournal {
  /// A seeded generator: SplitMix64.
  struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
      return mixed ^ mixed >> 31
    }

    mutating func isLucky(oneIn chances: Int) -> Bool {
      Int.random(in: 0..<chances, using: &self) == 0
    }

    mutating func pick<Choice>(_ choices: [Choice]) -> Choice {
      choices.randomElement(using: &self)!
    }
  }

  private static let numbers: [UInt64] = [
    0, 1, 2, 7, 99, 101, 127, 128, 65_536, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 40, 1 << 40 + 1,
    1 << 53 - 1, 1 << 53, 1 << 53 + 1, 1 << 63 - 1, 1 << 63, .max,
  ]
  private static let steps = [
    0, 1, 7, 63, 64, 262_143, 262_144, 1 << 40, 1 << 53 - 262_144, 1 << 53 - 1, 1 << 53,
  ]
  private static let doubles: [Double] = [
    0, -0.0, .nan, -.nan, .infinity, -.infinity, 1, -1, 1e308, -1e308, .greatestFiniteMagnitude,
    .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 0.25, 253_402_300_799, 253_402_300_800, 1.75e9,
  ]
  private static let texts: [[UInt8]] = [
    [], [0], [0xFF], [0xC3], Array("é\u{202E}\u{1b}[31m\n".utf8),
    Array(repeating: 0x61, count: 256),
    Array(repeating: 0x61, count: 257), Array(repeating: 0x62, count: 512),
    Array(repeating: 0x62, count: 513), Array(repeating: 0, count: 16), Array("layer1.0".utf8),
  ]

  private var dice: Dice
  private let runs: [Identity]
  private let attempts: [Identity]

  init(seed: UInt64) {
    var dice = Dice(state: seed)
    runs = (0..<12).map { _ in Identity.random(using: &dice) }
    attempts = (0..<20).map { _ in Identity.random(using: &dice) }
    self.dice = dice
  }

  /// The bytes of a segment.
  mutating func next() throws -> [UInt8] {
    let segment = SegmentIdentity(
      journal: Identity.random(using: &dice),
      segment: dice.pick([0, 0, 0, 1, Int(UInt32.max)]))
    var payloads: [[UInt8]] = []
    for record in records() { payloads.append(try RecordCodec.encode(record, in: segment)) }
    for _ in 0..<dice.pick([0, 1, 1, 2, 5]) {
      let place = Int.random(in: payloads.indices, using: &dice)
      // The first record may stay as it is, or the rest is never looked at.
      if place == 0, !dice.isLucky(oneIn: 3) { continue }
      var fields = WireField.fields(of: payloads[place], depth: 4) ?? []
      mutate(&fields)
      let bytes = WireField.bytes(fields)
      if !bytes.isEmpty { payloads[place] = bytes }
    }
    var bytes = Journal.header(of: segment)
    for payload in payloads { bytes += Journal.frame(payload: payload) }
    switch Int.random(in: 0..<10, using: &dice) {
    case 0: bytes.removeLast(min(bytes.count - 24, Int.random(in: 1...40, using: &dice)))
    case 1: bytes += [UInt8](repeating: 0, count: Int.random(in: 1...40, using: &dice))
    case 2: bytes[Int.random(in: bytes.indices, using: &dice)] ^= 1
    default: break
    }
    return bytes
  }

  private mutating func records() -> [Record] {
    var opened = Golden.opened
    opened.run = dice.pick(runs)
    opened.attempt = dice.pick(attempts)
    opened.worldSize = dice.pick([1, 2, 3, 1_048_576])
    opened.rank = dice.pick([0, 1, 2, 1_048_575].filter { $0 < opened.worldSize })
    opened.firstStep = dice.pick(Self.steps)
    opened.plannedSteps = dice.pick([nil, 0, 1, 200, 1 << 53])
    opened.startedAt = dice.pick([0, -0.0, 1.75e9, 253_402_300_799])
    opened.name = dice.pick(["", "golden", "e\u{301}", "\u{1b}[2J"])
    var records: [Record] = [.runOpened(opened), .blockMap(Golden.blocks)]
    var step = dice.pick(Self.steps)
    for _ in 0..<Int.random(in: 0..<24, using: &dice) {
      records.append(.frame(frame(step)))
      if dice.isLucky(oneIn: 6) { records.append(.metrics(step: step, metrics())) }
      step = min(1 << 53, step + dice.pick([0, 1, 1, 10, 10, 10, 64, 4096]))
    }
    if dice.isLucky(oneIn: 2) {
      records.append(
        .attemptFinished(
          AttemptFinished(
            status: dice.pick(AttemptFinished.Status.allCases),
            finishedAt: dice.pick([0, 1.75e9, 253_402_300_799]), lastStep: dice.pick(Self.steps),
            droppedFrames: dice.pick([0, 1 << 40]))))
    }
    switch Int.random(in: 0..<8, using: &dice) {
    case 0: records.shuffle(using: &dice)
    case 1: records += records
    case 2: records.remove(at: 1)
    case 3: records.insert(.blockMap(try! BlockMap([])), at: 1)
    default: break
    }
    return records
  }

  private mutating func metrics() -> [Metric] {
    (0..<3).map { _ in Metric(key: dice.pick(["loss", "é", " "]), value: dice.pick(Self.doubles)) }
  }

  /// A frame that decodes, of values at the ends of what is allowed.
  private mutating func frame(_ step: Int) -> Frame {
    let finite = Self.doubles.filter(\.isFinite)
    let notNegative = finite.filter { $0 >= 0 }
    let counts = [1, 2, 63, 1 << 40]
    var frame = Golden.frame(step: step, gap: dice.pick([0, 1e-6, 0.01, 0.25, 1e308]) / 8)
    frame.wallTime = dice.pick([0, 1.75e9, 253_402_300_799])
    frame.loss = dice.pick(Self.doubles)
    frame.learningRate = dice.pick(Self.doubles)
    frame.lossScale = dice.pick(Self.doubles)
    frame.recorderSeconds = dice.pick(notNegative)
    frame.droppedFrames = dice.pick([0, 1, 1 << 40])
    frame.metrics = metrics()
    guard dice.isLucky(oneIn: 2) else { return frame }
    var block = frame.blocks[0]
    block.samples = dice.pick(counts)
    block.undefined = 0
    block.microBatches = dice.pick([0, 1, Int(UInt32.max)])
    let gap = dice.pick(notNegative)
    block.identityGap = LogDistribution(
      n: dice.pick(counts), logs: Moments(n: 1, mean: dice.pick(finite), m2: 0)!, p50: gap,
      p90: gap,
      p99: gap, max: gap)
    block.residualRatio = block.identityGap
    block.identityGapHistogram = GapHistogram()
    block.identityGapHistogram.count(dice.pick(counts), inSlot: dice.pick([0, 95, 96, 99, 100]))
    block.cosine = Moments(
      n: dice.pick(counts) + 1, mean: dice.pick(finite), m2: dice.pick(notNegative))!
    block.taylorImportance = Moments(n: 2, mean: dice.pick(finite), m2: dice.pick(notNegative))!
    block.taylorSignedMean = dice.pick(Self.doubles)
    block.gateGradient = dice.pick(Self.doubles)
    block.weightNorm = dice.pick(Self.doubles)
    block.gradientNorm = dice.pick(Self.doubles)
    block.updateRatio = dice.pick(Self.doubles)
    block.gateRMS = dice.pick(Self.doubles)
    block.streamRMS = PooledRMS(n: dice.pick(counts), rms: dice.pick(notNegative))
    block.constantFraction = Fraction(n: dice.pick(counts), value: dice.pick(finite))
    block.absorbedFraction = Fraction(n: dice.pick(counts), value: dice.pick(finite))
    frame.blocks = dice.isLucky(oneIn: 4) ? [block] : [block, frame.blocks[1]]
    return frame
  }

  private mutating func mutate(_ fields: inout [WireField]) {
    guard !fields.isEmpty else { return fields.append(WireField(9, .bytes([]))) }
    let place = Int.random(in: fields.indices, using: &dice)
    if case .message(var inner) = fields[place].value, !dice.isLucky(oneIn: 6) {
      mutate(&inner)
      fields[place].value = .message(inner)
      return
    }
    switch Int.random(in: 0..<12, using: &dice) {
    case 0: fields.remove(at: place)
    case 1: fields.append(fields[place])
    case 2: fields.swapAt(place, Int.random(in: fields.indices, using: &dice))
    case 3: fields[place].number = Int.random(in: 1...30, using: &dice)
    case 4:
      fields.append(WireField(dice.pick([6, 7, 8, 28, 1_000]), .varint(dice.pick(Self.numbers))))
    case 5: fields += Array(repeating: fields[place], count: 150)
    case 6: fields[place].value = .bytes(dice.pick(Self.texts))
    case 7: fields[place].value = .fixed32(7)
    default:
      switch fields[place].value {
      case .varint: fields[place].value = .varint(dice.pick(Self.numbers))
      case .fixed64: fields[place].value = .fixed64(dice.pick(Self.doubles).bitPattern)
      case .fixed32, .bytes, .message: fields[place].value = .bytes(dice.pick(Self.texts))
      }
    }
  }
}
