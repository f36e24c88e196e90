import ProbeCore

extension ResnetProbe_V1_Similarity {
  /// A message of pairs that share their first block; there is one at least.
  init(_ examination: Examination, _ pairs: [Similarity]) {
    precondition(!pairs.isEmpty, "a record of one pair at least")
    self.init(of: examination)
    ordinal = UInt32(pairs[0].first)
    self.pairs = pairs.map { .init($0) }
  }

  func value() throws(WireError) -> Record {
    let examination = try examination()
    let first = try RecordCodec.ordinal(ordinal)
    guard !pairs.isEmpty else { throw .impossible("a similarity of no blocks") }
    var values: [Similarity] = []
    values.reserveCapacity(pairs.count)
    for pair in pairs {
      let value = try pair.value(first: first)
      guard values.last.map({ $0.last < value.last }) != false else {
        throw .impossible("similarities of blocks that are not ascending")
      }
      values.append(value)
    }
    return .similarity(examination, values)
  }
}

extension ResnetProbe_V1_Similarity.Pair {
  init(_ similarity: Similarity) {
    self.init()
    ordinal = UInt32(similarity.last)
    if let moments = ResnetProbe_V1_Moments(similarity.angularDistance) {
      angularDistance = moments
    }
    spanGapN = UInt64(similarity.gapSamples)
    if let moments = ResnetProbe_V1_Moments(similarity.gapLogs) { spanGapLogs = moments }
    if let value = similarity.cka { cka = value }
    if let value = similarity.branchCKA { branchCka = value }
  }

  fileprivate func value(first: Int) throws(WireError) -> Similarity {
    var similarity = Similarity(first: first, last: try RecordCodec.ordinal(ordinal))
    guard similarity.last >= first else { throw .impossible("a span that ends before it begins") }
    similarity.angularDistance = try angularDistance.value("angular_distance")
    // Rounding may take a mean of angles over π past 1 by a digit, and no further.
    guard (-1e-6...1 + 1e-6).contains(similarity.angularDistance.mean) else {
      throw .impossible("an angular distance of \(similarity.angularDistance.mean)")
    }
    similarity.gapSamples = try RecordCodec.samples(spanGapN, "span_gap_n")
    similarity.gapLogs = try spanGapLogs.value("span_gap_log")
    guard similarity.gapLogs.n <= similarity.gapSamples else {
      throw .impossible("more logarithms than values of span_gap")
    }
    similarity.cka = try Self.alignment(hasCka ? cka : nil, "cka")
    similarity.branchCKA = try Self.alignment(hasBranchCka ? branchCka : nil, "branch_cka")
    return similarity
  }

  private static func alignment(_ value: Double?, _ what: String) throws(WireError) -> Double? {
    guard let value else { return nil }
    guard (-1...1).contains(value) else { throw .impossible("a \(what) of \(value)") }
    return value
  }
}

extension ResnetProbe_V1_Moments {
  fileprivate func value(_ statistic: String) throws(WireError) -> Moments {
    try RecordCodec.moments(n: n, mean: mean, m2: m2, of: statistic)
  }
}
