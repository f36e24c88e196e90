import ProbeCore

extension ResnetProbe_V1_Reuse {
  init(_ examination: Examination, _ reuse: Reuse) {
    self.init(of: examination)
    ordinal = UInt32(reuse.reader)
    sources = reuse.sources.map { source in
      var message = Source()
      if let ordinal = source.ordinal { message.ordinal = UInt32(ordinal) }
      message.maps = UInt32(clamping: source.maps)
      message.meanWeight = source.meanWeight
      return message
    }
  }

  func value() throws(WireError) -> Record {
    let examination = try examination()
    let reader = try RecordCodec.ordinal(ordinal)
    guard !sources.isEmpty else { throw .impossible("a dense block that reads nothing") }
    var values: [Reuse.Source] = []
    values.reserveCapacity(sources.count)
    for source in sources {
      let ordinal = source.hasOrdinal ? try RecordCodec.ordinal(source.ordinal) : nil
      // The input of the stage comes before every block.
      let isNext = values.last.map { ($0.ordinal ?? -1) < (ordinal ?? -1) } != false
      guard isNext, (ordinal ?? -1) < reader else {
        throw .impossible("sources of a dense block that are not ascending, or not before it")
      }
      guard source.maps > 0 else { throw .impossible("a source of no maps") }
      guard source.meanWeight.isFinite, source.meanWeight >= 0 else {
        throw .impossible("a mean weight of \(source.meanWeight)")
      }
      values.append(
        Reuse.Source(ordinal: ordinal, maps: Int(source.maps), meanWeight: source.meanWeight))
    }
    return .reuse(examination, Reuse(reader: reader, sources: values))
  }
}
