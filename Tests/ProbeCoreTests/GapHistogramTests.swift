import ProbeCore
import Testing

@Suite struct GapHistogramTests {
  @Test func `A power of two opens the first bin of its octave`() {
    for exponent in -20..<4 {
      let edge = Double(sign: .plus, exponent: exponent, significand: 1)
      #expect(GapHistogram.slot(of: edge) == (exponent + 20) * 4, "2^\(exponent)")
      if exponent > -20 {
        #expect(GapHistogram.slot(of: edge.nextDown) == (exponent + 20) * 4 - 1, "2^\(exponent)")
      }
    }
  }

  @Test func `Every lower edge lies in its own bin and the number before it in the bin before`() {
    for bin in 0..<GapHistogram.binCount {
      let edge = GapHistogram.lowerEdge(ofBin: bin)
      #expect(GapHistogram.slot(of: edge) == bin)
      let before = bin == 0 ? GapHistogram.Special.under.rawValue : bin - 1
      #expect(GapHistogram.slot(of: edge.nextDown) == before)
    }
  }

  @Test func `Edges are a quarter octave apart, from 2⁻²⁰ to 2⁴`() {
    #expect(GapHistogram.lowerEdge(ofBin: 0) == 0x1p-20)
    #expect(GapHistogram.lowerEdge(ofBin: 80) == 1)
    #expect(GapHistogram.lowerEdge(ofBin: GapHistogram.binCount) == 16)
    for bin in 0..<GapHistogram.binCount {
      let step = GapHistogram.lowerEdge(ofBin: bin + 1) / GapHistogram.lowerEdge(ofBin: bin)
      #expect(abs(step * step * step * step - 2) < 1e-14)
    }
  }

  @Test(arguments: [
    (0.0, GapHistogram.Special.zero), (-0.0, .zero), (.leastNonzeroMagnitude, .under),
    (.leastNormalMagnitude.nextDown, .under), (1e-30, .under), (Double(0x1p-20).nextDown, .under),
    (16, .over), (1e300, .over), (.greatestFiniteMagnitude, .over),
  ])
  func `What lies outside the bins has a slot`(gap: Double, slot: GapHistogram.Special) {
    #expect(GapHistogram.slot(of: gap) == slot.rawValue)
  }

  @Test func `The special slots follow the bins and fill the slots`() {
    let special = GapHistogram.Special.allCases.map(\.rawValue)
    #expect(special == Array(GapHistogram.binCount..<GapHistogram.slotCount))
  }

  @Test func `Samples without a gap are counted apart`() {
    var histogram = GapHistogram()
    #expect(histogram.isEmpty)
    for gap in [0, 1e-9, 0.3, 0.3, 99] { histogram.count(gap: gap) }
    histogram.count(4, inSlot: GapHistogram.Special.undefined.rawValue)
    histogram.count(5, inSlot: GapHistogram.Special.nonFinite.rawValue)
    histogram.count(0, inSlot: 7)
    histogram.count(-3, inSlot: 7)
    #expect(!histogram.isEmpty)
    #expect(histogram.measured == 5)
    #expect(histogram.counts == [96: 1, 97: 1, 73: 2, 98: 1, 99: 4, 100: 5])
  }

  @Test func `Surely below counts no bin that reaches the bound`() {
    var histogram = GapHistogram()
    for slot in 0..<GapHistogram.slotCount { histogram.count(inSlot: slot) }
    var bounds: [Double] = [0.01, 0.05, 0.1, 1, 3, 1e6]
    for bin in 0...GapHistogram.binCount {
      let edge = GapHistogram.lowerEdge(ofBin: bin)
      bounds += [edge.nextDown, edge, edge.nextUp]
    }
    for bound in bounds {
      // Of every bin wholly below the bound one, and zero and under where they are too.
      let bins = (0..<GapHistogram.binCount).filter {
        GapHistogram.lowerEdge(ofBin: $0 + 1) <= bound
      }
      let under = bound >= 0x1p-20 ? 1 : 0
      #expect(histogram.surelyBelow(bound) == 1 + under + bins.count, "\(bound)")
    }
  }

  @Test func `Surely below never says more than there is, and loses at most one bin`() {
    var generator = Sequence64(seed: 3)
    let gaps = generator.numbers(2000, in: 0...0.4) + [0, 1e-8, 20]
    var histogram = GapHistogram()
    for gap in gaps { histogram.count(gap: gap) }
    for bound in generator.numbers(50, in: 0.001...0.5) {
      let below = gaps.count { $0 < bound }
      let quarterOctaveBelow = gaps.count { $0 < bound / 1.1893 }
      #expect(histogram.surelyBelow(bound) <= below)
      #expect(histogram.surelyBelow(bound) >= quarterOctaveBelow)
    }
  }

  @Test func `Over, undefined and non-finite samples lie surely below nothing`() {
    var histogram = GapHistogram()
    for slot in [GapHistogram.Special.over, .undefined, .nonFinite] {
      histogram.count(inSlot: slot.rawValue)
    }
    #expect(histogram.surelyBelow(.infinity) == 0)
  }

  @Test(arguments: [0.0, -1, .nan])
  func `A gap of zero is not below zero`(bound: Double) {
    var histogram = GapHistogram()
    histogram.count(gap: 0)
    #expect(histogram.surelyBelow(bound) == 0)
    #expect(histogram.surelyBelow(.leastNonzeroMagnitude) == 1)
  }

  @Test func `Merging adds counts, in any order`() {
    var generator = Sequence64(seed: 4)
    let gaps = generator.numbers(300, in: 0...30)
    var pooled = GapHistogram()
    var first = GapHistogram()
    var second = GapHistogram()
    for (index, gap) in gaps.enumerated() {
      pooled.count(gap: gap)
      if index % 3 == 0 { first.count(gap: gap) } else { second.count(gap: gap) }
    }
    var forwards = first
    forwards.merge(second)
    var backwards = second
    backwards.merge(first)
    #expect(forwards == pooled)
    #expect(backwards == pooled)
    forwards.merge(GapHistogram())
    #expect(forwards == pooled)
  }

  @Test func `A sum is what merging one after the other comes to`() {
    var generator = Sequence64(seed: 5)
    let histograms = (0..<40).map { _ in
      var histogram = GapHistogram()
      for gap in generator.numbers(7, in: 0...30) { histogram.count(gap: gap) }
      return histogram
    }
    let merged = histograms.reduce(into: GapHistogram()) { $0.merge($1) }
    #expect(GapHistogram(sumOf: histograms) == merged)
    #expect(merged.entries.map(\.slot) == merged.counts.keys.sorted())
    #expect(GapHistogram(sumOf: []).isEmpty)
  }

  @Test func `Absurd counts end at what a Double holds, alone and in sums`() {
    var histogram = GapHistogram()
    histogram.count(.max, inSlot: 100)
    histogram.count(.max, inSlot: 100)
    histogram.count(.max, inSlot: 0)
    histogram.merge(histogram)
    #expect(histogram.counts == [0: 1 << 53, 100: 1 << 53])
    #expect(GapHistogram(sumOf: [histogram, histogram]) == histogram)
  }
}
