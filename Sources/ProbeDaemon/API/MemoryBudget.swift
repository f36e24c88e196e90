import Synchronization

/// The memory that many requests may take together, lent to each as it needs it and given back when it
/// is over.
final class MemoryBudget: Sendable {
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

  /// What one request has taken; given back with the value.
  struct Loan: ~Copyable {
    /// The most that it grows to.
    let most: Int
    private let budget: MemoryBudget
    private var taken = 0

    fileprivate init(of budget: MemoryBudget, most: Int) {
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

  /// A loan, still of nothing.
  func loan(atMost most: Int) -> Loan { Loan(of: self, most: min(most, limit)) }
}
