public import ProbeCore

extension Golden {
  /// The records of examinations.rpj after the opening and the block map.
  public static let examinations: [Record] = {
    let both = Examination(
      identity: Identity(bytes: 0x40..<0x50)!, step: 100, samples: 64, planned: 2, baseLoss: 0.5,
      baseError: 0.125)
    let alone = Examination(
      identity: Identity(bytes: 0x50..<0x60)!, step: 0, samples: 64, planned: 1, baseLoss: 2.25,
      confidence: 0.9)
    var span = Similarity(first: 0, last: 0)
    span.angularDistance = Moments(n: 64, mean: 0.125, m2: 0.5)!
    span.gapSamples = 63
    span.gapLogs = Moments(n: 60, mean: -3, m2: 1.5)!
    var apart = Similarity(first: 0, last: 1)
    (apart.cka, apart.branchCKA) = (0.75, -0.25)
    var still = Similarity(first: 1, last: 1)
    still.angularDistance = Moments(n: 64, mean: 0, m2: 0)!
    still.gapSamples = 64
    still.cka = 0
    let reuse = Reuse(
      reader: 1,
      sources: [
        Reuse.Source(ordinal: nil, maps: 16, meanWeight: 0.25),
        Reuse.Source(ordinal: 0, maps: 12, meanWeight: 0),
      ])
    let orders = [
      RemovalOrder(strategy: .greedy, ordinals: [1]),
      RemovalOrder(strategy: .greedy, place: 1, ordinals: [0]),
      RemovalOrder(strategy: .deepestFirst, ordinals: [1, 0]),
      RemovalOrder(strategy: .random, number: 2, ordinals: [0, 1]),
    ]
    return [
      .similarity(both, [span, apart]), .similarity(alone, [still]), .reuse(both, reuse),
    ] + orders.map { .removalOrder(both, $0) }
  }()
}
