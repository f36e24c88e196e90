import GRDB
import ProbeCore

/// Writes what an examination measured by removing one set of blocks.
struct AblationWriter {
  let context: JournalContext
  let db: Database

  /// Writes the row, or says what is wrong with the record.
  func write(_ examination: Examination, _ ablation: Ablation) throws -> String? {
    switch context.map {
    case .awaited: return "an ablation before its block map"
    case .contradicts: return "an ablation of a block map that is not the run's"
    case .agreed: break
    }
    if let last = ablation.ordinals.last, last >= context.blockIDs.count {
      return "an ablation of block \(last) of a map of \(context.blockIDs.count)"
    }
    guard let id = try row(of: examination) else {
      return "an ablation of an examination that began otherwise"
    }
    // Measured again, on the same parameters and the same probe set: the first stands.
    try db.cachedStatement(sql: Self.insert).execute(arguments: values(ablation, of: id))
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

  private func values(_ ablation: Ablation, of examination: Int) -> StatementArguments {
    let single = ablation.ordinals.count == 1 ? context.blockIDs[ablation.ordinals[0]] : nil
    let gap = ablation.identityGap
    let head: StatementArguments = [
      examination, OrdinalsText.write(ablation.ordinals), single, ablation.wallTime,
      ablation.lossChanges.n, ablation.lossChanges.mean, ablation.lossChanges.m2,
      ablation.nonFinite,
    ]
    let changes: StatementArguments = [
      ablation.loss?.lower, ablation.loss?.upper, ablation.halves?.even, ablation.halves?.odd,
      ablation.error?.value, ablation.error?.lower, ablation.error?.upper,
    ]
    guard gap.n > 0 else {
      return head + changes + StatementArguments([Int?](repeating: nil, count: 8))
    }
    return head + changes + [
      gap.n, gap.p50, gap.p90, gap.p99, gap.max, gap.logs.n, gap.logs.mean, gap.logs.m2,
    ]
  }

  private static let insert = """
    INSERT INTO ablation (examination_id, blocks, block_id, wall_time, loss_change_n, loss_change,
      loss_change_m2, non_finite, loss_change_lower, loss_change_upper, loss_change_even,
      loss_change_odd, error_change, error_change_lower, error_change_upper, identity_gap_n,
      identity_gap_p50, identity_gap_p90, identity_gap_p99, identity_gap_max, identity_gap_log_n,
      identity_gap_log_mean, identity_gap_log_m2)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (examination_id, blocks) DO NOTHING
    """
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
