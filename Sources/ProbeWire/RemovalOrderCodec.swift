import ProbeCore

extension ResnetProbe_V1_RemovalOrder {
  init(_ examination: Examination, _ order: RemovalOrder) {
    self.init(of: examination)
    strategy = Strategy(order.strategy)
    number = UInt32(order.number)
    place = UInt32(order.place)
    ordinals = order.ordinals.map { UInt32($0) }
  }

  func value() throws(WireError) -> Record {
    let examination = try examination()
    guard let strategy = strategy.value else { throw .impossible("an unknown removal strategy") }
    guard number < RemovalOrder.maximumNumber else {
      throw .impossible("a removal order of number \(number)")
    }
    var seen: Set<Int> = []
    var values: [Int] = []
    for ordinal in ordinals {
      let value = try RecordCodec.ordinal(ordinal)
      guard seen.insert(value).inserted else {
        throw .impossible("a removal order that holds block \(value) twice")
      }
      values.append(value)
    }
    guard !values.isEmpty else { throw .impossible("a removal order of no blocks") }
    let place = try RecordCodec.ordinal(place)
    guard place + values.count <= BlockMap.maximumBlocks else {
      throw .impossible("a removal order of \(place + values.count) blocks")
    }
    return .removalOrder(
      examination,
      RemovalOrder(strategy: strategy, number: Int(number), place: place, ordinals: values))
  }
}

extension ResnetProbe_V1_RemovalOrder.Strategy {
  fileprivate init(_ strategy: RemovalOrder.Strategy) {
    self =
      switch strategy {
      case .greedy: .greedy
      case .deepestFirst: .deepestFirst
      case .random: .random
      }
  }

  /// Nil for one of a later version.
  fileprivate var value: RemovalOrder.Strategy? {
    switch self {
    case .greedy: .greedy
    case .deepestFirst: .deepestFirst
    case .random: .random
    case .UNRECOGNIZED: nil
    }
  }
}
