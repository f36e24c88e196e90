import Synchronization

/// The memory that the bodies in flight may take together.
///
/// It is taken as their bytes arrive and given back when they are answered: who sends nothing holds
/// nothing.
final class IntakeBudget: Sendable {
  /// The most that may be taken at one time.
  ///
  /// Unit: bytes.
  let limit: Int
  private let used = Mutex(0)

  init(limit: Int) { self.limit = limit }

  /// What is taken now.
  ///
  /// Unit: bytes.
  var inUse: Int { used.withLock { $0 } }

  /// What one body has taken; given back with the value.
  struct Loan: ~Copyable {
    /// The most that it grows to: what comes after takes the place of what was committed.
    let most: Int
    private let budget: IntakeBudget
    private var taken = 0

    fileprivate init(of budget: IntakeBudget, most: Int) {
      self.budget = budget
      self.most = most
    }

    /// Takes what `bytes` more need.
    ///
    /// - Throws: ``DaemonError/queueFull`` where they are not free.
    mutating func grow(by bytes: Int) throws(DaemonError) {
      let more = min(bytes, most - taken)
      let isFree = budget.used.withLock { used in
        guard used + more <= budget.limit else { return false }
        used += more
        return true
      }
      guard isFree else { throw .queueFull }
      taken += more
    }

    deinit {
      let taken = taken
      budget.used.withLock { $0 -= taken }
    }
  }

  /// A loan for a body, still of nothing.
  func loan(atMost most: Int) -> Loan { Loan(of: self, most: min(most, limit)) }
}
