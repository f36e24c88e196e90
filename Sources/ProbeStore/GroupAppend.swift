import GRDB
import ProbeCore

extension Store {
  /// Takes in several batches with one commit: each in a savepoint of its own, so that one that is
  /// refused takes none of the others with it.
  ///
  /// Returns what came of each, in their order, once all of it is durable; of two batches of one
  /// segment the second sees the first. A failure of the machine (disk, file) undoes the whole
  /// group and is every batch's failure. Does not block the calling task's thread.
  public func append(
    _ batches: [JournalBatch]
  ) async -> [Result<AppendOutcome, StoreError>] {
    let path = path
    let action = "write the store"
    do {
      return try await queue.write { db in
        var results: [Result<AppendOutcome, StoreError>] = []
        for batch in batches {
          do {
            var outcome: AppendOutcome?
            try db.inSavepoint {
              outcome = try Self.append(batch, db)
              return .commit
            }
            results.append(.success(outcome!))
          } catch {
            let failure = StoreError.from(error, action: action, path: path)
            guard failure.kind == .refused else { throw failure }
            results.append(.failure(failure))
          }
        }
        return results
      }
    } catch {
      let failure = StoreError.from(error, action: action, path: path)
      return batches.map { _ in .failure(failure) }
    }
  }
}
