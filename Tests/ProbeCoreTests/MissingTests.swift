import ProbeCore
import Testing

@Suite struct MissingTests {
  @Test(arguments: [
    (
      Missing.records(have: 12, need: 20),
      "8 more records after warm-up and the last phase change (12 of 20)"
    ),
    (
      .records(have: 19, need: 20),
      "1 more record after warm-up and the last phase change (19 of 20)"
    ),
    (
      .records(have: 0, need: 20),
      "20 more records after warm-up and the last phase change (0 of 20)"
    ),
    (
      .finiteValues(firstStep: 130, samples: 2),
      "finite values: 2 samples with NaN or infinity, first at step 130"
    ),
    (
      .finiteValues(firstStep: 0, samples: 1),
      "finite values: 1 sample with NaN or infinity, first at step 0"
    ),
    (.unmaskedSamples(share: 0.625), "samples: 63 % were dropped or have a zero stream"),
    (.unmaskedSamples(share: .nan), "samples: 100 % were dropped or have a zero stream"),
    (.samples(have: 50, need: 52), "2 more samples in the window (50 of 52)"),
    (.samples(have: 51, need: 52), "1 more sample in the window (51 of 52)"),
    (
      .decidedInterval(lower: 0.04, upper: 0.06, epsilon: 0.05),
      "a narrower interval: the gap's bounds lie on both sides of 0.05"
    ),
    (
      .confidenceAmongBlocks(adjusted: 0.0811),
      "confidence among all blocks: the adjusted p is 0.082"
    ),
  ])
  func `Each reason says in words what is missing`(missing: Missing, words: String) {
    #expect(missing.description == words)
  }

  @Test func `Only strict and near identities are called identities`() {
    #expect(Verdict.allCases.filter(\.isIdentity) == [.strictIdentity, .nearIdentity])
  }
}
