import ProbeCore
import ProbeRecorder
import Testing

@Suite struct KeptValuesTests {
  @Test func `percentiles are nearest rank`() {
    var kept = KeptValues(capacity: 1_000, seed: 1)
    for value in (1...100).reversed() { kept.add(Double(value)) }
    #expect(kept.percentiles([50, 90, 99, 100]) == [50, 90, 99, 100])
    var two = KeptValues(capacity: 10, seed: 1)
    two.add(5)
    two.add(3)
    #expect(two.percentiles([50, 90]) == [3, 5])
    #expect(KeptValues(capacity: 10, seed: 1).percentiles([50]).isEmpty)
  }

  @Test func `a million values take the room of the capacity and keep their percentiles`() {
    var kept = KeptValues(capacity: 65_536, seed: 1)
    var again = KeptValues(capacity: 65_536, seed: 1)
    for value in 0..<1_000_000 {
      kept.add(Double(value))
      again.add(Double(value))
    }
    #expect(kept.values.count == 65_536)
    #expect(kept.passedOver == 1_000_000 - 65_536)
    #expect(kept.values == again.values)
    // The standard error of a rank is √(p(1−p)/65,536): five of them at the median are 0.98 %.
    let percentiles = kept.percentiles([50, 90])
    #expect(abs(percentiles[0] - 500_000) < 9_800)
    #expect(abs(percentiles[1] - 900_000) < 5_900)
  }

  @Test func `values that come in periods are not thinned to one phase`() {
    var kept = KeptValues(capacity: 1_024, seed: 3)
    for value in 0..<65_536 { kept.add(Double(value % 64)) }
    let firstPhase = kept.values.filter { $0 < 32 }.count
    #expect(abs(firstPhase - 512) < 100)
  }

  @Test func `memory is bounded for any number of blocks`() {
    for blocks in [0, 1, 64, 1_000, 16_384] {
      let limits = MemoryLimits(blocks: blocks)
      #expect(limits.values <= 65_536 && limits.values >= 1)
      #expect(2 * limits.values * blocks <= 1 << 23)
      #expect(limits.columns * blocks <= 1 << 23)
      #expect(limits.parameters * blocks <= 1 << 23)
    }
    #expect(MemoryLimits(blocks: 64).values == 65_536)
  }

  @Test func `a wide branch is followed on evenly spread elements`() {
    var floats = UniformFloats(seed: 2)
    var all = ColumnMeans(capacity: 10_000)
    var some = ColumnMeans(capacity: 1_000)
    for _ in 0..<64 {
      let branch = (0..<10_000).map { Float($0 % 7) * 0.1 + floats.next() }
      branch.withUnsafeBufferPointer {
        all.add($0.baseAddress!, minus: nil, width: 10_000)
        some.add($0.baseAddress!, minus: nil, width: 10_000)
      }
    }
    let whole = all.constantFraction?.value ?? 0
    #expect(whole > 0.2)
    #expect(abs((some.constantFraction?.value ?? 0) - whole) < 0.02)
  }
}
