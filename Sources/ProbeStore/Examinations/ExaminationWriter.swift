import GRDB
import ProbeCore

/// Writes what an examination's records say: the first that says something stands.
struct ExaminationWriter {
  let context: JournalContext
  let db: Database

  /// Writes what removing a set of blocks did, or says what is wrong with the record.
  func write(_ examination: Examination, _ ablation: Ablation) throws -> String? {
    try write("an ablation", of: examination, blocks: ablation.ordinals) {
      try AblationRows.insert(ablation, of: $0, context.blockIDs, db)
    }
  }

  /// Writes how alike a block and later ones are, or says what is wrong with the record.
  func write(_ examination: Examination, _ similarities: [Similarity]) throws -> String? {
    let blocks = similarities.lazy.flatMap { [$0.first, $0.last] }
    return try write("a similarity", of: examination, blocks: blocks) {
      try SimilarityRows.insert(similarities, of: $0, context.blockIDs, db)
    }
  }

  /// Writes what a dense block reads, or says what is wrong with the record.
  func write(_ examination: Examination, _ reuse: Reuse) throws -> String? {
    // Its sources come before it.
    try write("a reuse", of: examination, blocks: [reuse.reader]) {
      try ReuseRows.insert(reuse, of: $0, context.blockIDs, db)
    }
  }

  /// Writes a stretch of an order, or says what is wrong with the record.
  func write(_ examination: Examination, _ order: RemovalOrder) throws -> String? {
    try write("a removal order", of: examination, blocks: order.ordinals) {
      try RemovalOrderRows.insert(order, of: $0, context.blockIDs, db)
    }
  }

  private func write(
    _ what: String, of examination: Examination, blocks: some Sequence<Int>,
    insert: (Int) throws -> Void
  ) throws -> String? {
    switch context.map {
    case .awaited: return "\(what) before its block map"
    case .contradicts: return "\(what) of a block map that is not the run's"
    case .agreed: break
    }
    if let missing = blocks.first(where: { $0 >= context.blockIDs.count }) {
      return "\(what) of block \(missing) of a map of \(context.blockIDs.count)"
    }
    guard let id = try row(of: examination) else {
      return "\(what) of an examination that began otherwise"
    }
    try insert(id)
    return nil
  }

  /// The examination's row, made if there is none; nil where it is not the same.
  private func row(of examination: Examination) throws -> Int? {
    let place: StatementArguments = [
      context.runID, context.attemptID, context.rank, examination.identity.description,
    ]
    let own: StatementArguments = [
      examination.step, examination.samples, examination.planned, examination.baseLoss,
      examination.baseError, examination.confidence,
    ]
    // A call that removes other blocks of the same probe set plans for them too.
    try db.cachedStatement(
      sql: """
        INSERT INTO examination (run_id, attempt_id, rank, uuid, step, samples, planned, base_loss,
          base_error, confidence)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (run_id, attempt_id, rank, uuid) DO UPDATE SET planned = max(planned, excluded.planned)
        """
    ).execute(arguments: place + own)
    return try Int.fetchOne(
      db,
      sql: """
        SELECT id FROM examination
        WHERE run_id = ? AND attempt_id = ? AND rank = ? AND uuid = ? AND step = ? AND samples = ?
          AND confidence = ?
        """, arguments: place + [examination.step, examination.samples, examination.confidence])
  }
}

/// Ordinals as the store keeps them: a JSON array, '[3,4]'.
enum OrdinalsText {
  static func write(_ ordinals: [Int]) -> String {
    "[" + ordinals.map(String.init).joined(separator: ",") + "]"
  }

  /// The ordinals; empty for anything that ``write(_:)`` does not write.
  static func read(_ text: String) -> [Int] {
    guard text.hasPrefix("["), text.hasSuffix("]") else { return [] }
    let parts = text.dropFirst().dropLast().split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Int($0) }
    return numbers.count == parts.count && numbers.allSatisfy { $0 >= 0 } ? numbers : []
  }
}
