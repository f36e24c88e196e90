import ProbeCore

extension ResnetProbe_V1_BlockMap {
  init(_ map: BlockMap) {
    self.init()
    blocks = map.blocks.map { .init($0) }
  }

  func value() throws(WireError) -> BlockMap {
    var values: [Block] = []
    for block in blocks { values.append(try block.value()) }
    do { return try BlockMap(values) } catch { throw .blockMap(error) }
  }
}

extension ResnetProbe_V1_Block {
  init(_ block: Block) {
    self.init()
    ordinal = UInt32(block.ordinal)
    name = block.name
    kind = block.kind == .residual ? .residual : block.kind == .plain ? .plain : .concat
    shortcut =
      block.shortcut == .identity ? .identity : block.shortcut == .projection ? .projection : .none
    stage = UInt32(block.stage)
    sampleAxis = block.sampleAxis == .row ? .row : .token
    activation = block.activation == .identity ? .identity : .relu
    shape = block.shape.map { UInt64($0) }
    if let count = block.parameters { parameters = UInt64(count) }
    if let count = block.macs { macs = UInt64(count) }
    if let gate = block.gate { self.gate = gate }
    if let p = block.dropProbability { dropProbability = p }
  }

  func value() throws(WireError) -> Block {
    var dimensions: [Int] = []
    for size in shape { dimensions.append(try RecordCodec.count(size, "dimension")) }
    return Block(
      ordinal: Int(ordinal), name: RecordCodec.withoutNUL(name), kind: try kindValue(),
      shortcut: try shortcutValue(),
      stage: Int(stage), sampleAxis: try sampleAxisValue(), activation: try activationValue(),
      shape: dimensions,
      parameters: hasParameters ? try RecordCodec.count(parameters, "number of parameters") : nil,
      macs: hasMacs ? try RecordCodec.count(macs, "number of multiply–accumulates") : nil,
      gate: hasGate ? RecordCodec.withoutNUL(gate) : nil,
      dropProbability: hasDropProbability ? dropProbability : nil)
  }

  private func kindValue() throws(WireError) -> Block.Kind {
    switch kind {
    case .residual: .residual
    case .plain: .plain
    case .concat: .concat
    case .UNRECOGNIZED(let raw): throw .impossible("a block of kind \(raw)")
    }
  }

  private func shortcutValue() throws(WireError) -> Block.Shortcut {
    switch shortcut {
    case .identity: .identity
    case .projection: .projection
    case .none: .none
    case .UNRECOGNIZED(let raw): throw .impossible("a shortcut of kind \(raw)")
    }
  }

  private func sampleAxisValue() throws(WireError) -> Block.SampleAxis {
    switch sampleAxis {
    case .row: .row
    case .token: .token
    case .UNRECOGNIZED(let raw): throw .impossible("a sample axis of kind \(raw)")
    }
  }

  private func activationValue() throws(WireError) -> Block.Activation {
    switch activation {
    case .identity: .identity
    case .relu: .relu
    case .UNRECOGNIZED(let raw): throw .impossible("an activation of kind \(raw)")
    }
  }
}
