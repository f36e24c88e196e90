/// When to say that requests were refused: at once, and then at most once in a while, with their number.
package struct RefusalTally {
  /// What to do about a refusal.
  package enum Action: Equatable {
    /// Say it.
    case tell(count: Int)
    /// Ask again, with ``RefusalTally/due(at:)``, after so many seconds.
    case wait(seconds: Double)
    /// Nothing: it is waited already.
    case count
  }

  /// The least time between two lines.
  ///
  /// Unit: seconds.
  package static let interval = 60.0

  package init() {}

  private var untold = 0
  private var lastToldAt: Double?

  /// A request was refused.
  package mutating func note(at now: Double) -> Action {
    untold += 1
    guard let lastToldAt, now < lastToldAt + Self.interval else { return tell(at: now) }
    return untold == 1 ? .wait(seconds: lastToldAt + Self.interval - now) : .count
  }

  /// The wait is over.
  package mutating func due(at now: Double) -> Action { untold == 0 ? .count : tell(at: now) }

  private mutating func tell(at now: Double) -> Action {
    defer { untold = 0 }
    lastToldAt = now
    return .tell(count: untold)
  }
}
