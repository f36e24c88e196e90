import Foundation
import ProbeAnalysis
import ProbeCore
import Testing

@Suite struct UpdateSizesTests {
  private static func find(
    gradient: Double? = 0.1, reference: Int? = 5, count: Int = 40, _ ratio: (Int) -> Double?
  ) -> [UpdateSize] {
    let block = measured(residual(0), count: count, reference: reference) { index, statistics in
      statistics.updateRatio = ratio(index)
      statistics.gradientNorm = gradient
    }
    return UpdateSize.find(in: history([block]))
  }

  @Test func `Updates of a thousandth are as they should be, and so are those of a schedule's end`()
  {
    #expect(Self.find { _ in 1e-3 }.isEmpty)
    #expect(Self.find { 1e-2 * exp(-Double($0) / 2) }.isEmpty, "to 3e-11, as with a cosine")
    #expect(Self.find { $0 == 20 ? 0.9 : 1e-3 }.isEmpty, "one step is no rule")
  }

  @Test func `Updates above a tenth are too large`() {
    let found = Self.find { [0.2, 0.3][$0 % 2] }
    #expect(found.map(\.isTooLarge) == [true])
    #expect(abs(found[0].ratio - (0.06).squareRoot()) < 1e-12)
    #expect(Self.find { _ in 0.09 }.isEmpty)
  }

  @Test func `Parameters that have a gradient and never move are named`() {
    #expect(Self.find { _ in 0 }.map(\.isTooLarge) == [false])
    #expect(Self.find { _ in 3e-8 }.map(\.isTooLarge) == [false])
    #expect(Self.find { $0 == 5 ? 1e-3 : 0 }.isEmpty, "it moved after warm-up")
  }

  @Test func `Frozen parameters and those behind a gate at 0 are not expected to move`() {
    #expect(Self.find(gradient: nil) { _ in 0 }.isEmpty)
    #expect(Self.find(gradient: 0) { _ in 0 }.isEmpty)
  }

  @Test func `Too few records, no reference and no ratio decide nothing`() {
    #expect(Self.find(reference: nil) { _ in 0 }.isEmpty)
    #expect(Self.find(reference: 0, count: 4) { _ in 0.5 }.isEmpty)
    #expect(Self.find { _ in nil }.isEmpty)
    #expect(Self.find { _ in .infinity }.isEmpty)
  }
}
