/// Records that were passed over: how many there were and why the first of them was.
///
/// A hostile segment holds millions of them, so that their reasons are not kept one by one.
public struct Rejections: Sendable, Hashable {
  /// The number of records, those of an unknown kind included.
  public private(set) var count = 0
  /// How many of them are of a kind that this version does not know: their recorder is newer.
  public private(set) var unknownRecords = 0
  /// Why the first was passed over, in words; nil where there is none.
  public private(set) var first: String?

  /// No records.
  public init() {}

  /// Whether nothing was passed over.
  public var isEmpty: Bool { count == 0 }

  /// Counts a record that contradicts itself or what came before it.
  public mutating func add(_ reason: @autoclosure () -> String) {
    if first == nil { first = reason() }
    count += 1
  }

  /// Counts a record of a kind that this version does not know.
  public mutating func addUnknown() {
    add("a record of a kind that this version does not know")
    unknownRecords += 1
  }

  /// Adds those that came after.
  public mutating func merge(_ later: Rejections) {
    first = first ?? later.first
    count += later.count
    unknownRecords += later.unknownRecords
  }
}
