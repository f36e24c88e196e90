extension BlockStatistics {
  /// The statistics that only single records are asked for, under the names they have in public.
  struct Rest: Sendable, Hashable {
    var blockInfluence = Moments()
    var streamRMS: PooledRMS?
    var branchRMS: PooledRMS?
    var outputGradNorm = Moments()
    var branchGain = Moments()
    var taylorSignedMean: Double?
    var gateGradient: Double?
    var weightNorm: Double?
    var gradientNorm: Double?
    var updateRatio: Double?
    var gateRMS: Double?
    var deadFraction: Fraction?
    var absorbedFraction: Fraction?
  }

  /// Storage for them that copies share until one is changed; nothing while all are empty.
  struct Aside: Sendable, Hashable {
    /// None or one: an array is copied on write and is safe to send.
    private var storage: [Rest] = []

    init() {}

    var value: Rest {
      _read { if storage.isEmpty { yield Self.empty } else { yield storage[0] } }
      _modify {
        if storage.isEmpty { storage.append(Self.empty) }
        yield &storage[0]
      }
    }

    /// Empty storage and storage that holds nothing are the same.
    static func == (a: Aside, b: Aside) -> Bool { a.value == b.value }

    func hash(into hasher: inout Hasher) { value.hash(into: &hasher) }

    private static let empty = Rest()
  }
}
