public import ProbeCore
import RealModule

/// The logarithm of a block's median gap over the records of a window (the series of Verdicts.md).
public struct GapSeries: Sendable, Hashable {
  /// z = ln max(identity_gap p50, 2⁻²⁰), by record.
  public let values: [Double]
  /// Whether no value stands above the floor: the block is the identity as far as can be measured.
  public let isAllFloor: Bool

  /// The gap below which gaps are not told apart, 2⁻²⁰.
  public static let floor = 0x1p-20

  /// Takes the records that carry a median gap; the others (a dropped branch, a zero stream) have no z.
  public init(_ records: [some GapRecorded]) {
    let gaps = records.compactMap(\.medianGap)
    values = gaps.map { .log(max($0, Self.floor)) }
    isAllFloor = !gaps.isEmpty && gaps.allSatisfy { $0 <= Self.floor }
  }
}
