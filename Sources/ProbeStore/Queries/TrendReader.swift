import GRDB
import Glibc
import ProbeCore

/// Reads the median gap and ratio over a whole run for drawing: every record while they are few, else
/// the shortest spans that are few.
struct TrendReader {
  /// The most points a block's trend may have.
  static let maximumPoints = 512

  private let run: Int
  private let steps: [StepSummary]
  private let db: Database

  init(run: Int, steps: [StepSummary], _ db: Database) {
    self.run = run
    self.steps = steps
    self.db = db
  }

  /// The trends by the block's row, in step order.
  func trends() throws -> [Int: [BlockHistory.TrendPoint]] {
    guard let last = steps.last?.step else { return [:] }
    if steps.count <= Self.maximumPoints { return try records() }
    let length =
      RollupSpan.lengths.first { last / $0 < Self.maximumPoints } ?? RollupSpan.lengths.last!
    return try spans(length)
  }

  private func records() throws -> [Int: [BlockHistory.TrendPoint]] {
    try read(
      """
      SELECT s.block_id, s.step,
        sum(s.identity_gap_p50 * s.identity_gap_n) / total(s.identity_gap_n),
        sum(s.residual_ratio_p50 * s.residual_ratio_n) / total(s.residual_ratio_n)
      FROM attempt AS a
      CROSS JOIN block_statistics AS s ON s.run_id = a.run_id AND s.attempt_id = a.id
      WHERE a.run_id = ?
        AND s.step >= a.first_step AND (a.superseded_from IS NULL OR s.step < a.superseded_from)
      GROUP BY s.step, s.block_id ORDER BY s.step
      """)
  }

  /// A span that an attempt began or lost in the middle counts for the attempt that holds its start.
  private func spans(_ length: Int) throws -> [Int: [BlockHistory.TrendPoint]] {
    try read(
      """
      SELECT s.block_id, s.start,
        sum(s.identity_gap_log_sum) / total(s.identity_gap_n),
        sum(s.residual_ratio_log_sum) / total(s.residual_ratio_n)
      FROM attempt AS a
      CROSS JOIN journal AS j ON j.attempt_id = a.id
      CROSS JOIN block_rollup AS s
        ON s.run_id = a.run_id AND s.attempt_id = a.id AND s.rank = j.rank AND s.span = \(length)
      WHERE a.run_id = ?
        AND s.start + \(length) > a.first_step
        AND (a.superseded_from IS NULL OR s.start < a.superseded_from)
      GROUP BY s.start, s.block_id ORDER BY s.start
      """
    ).mapValues { points in
      points.map {
        BlockHistory.TrendPoint(step: $0.step, gap: $0.gap.map(exp), ratio: $0.ratio.map(exp))
      }
    }
  }

  private func read(_ sql: String) throws -> [Int: [BlockHistory.TrendPoint]] {
    var statement = try StatementHandle(db, sql)
    statement.bind(run)
    var trends: [Int: [BlockHistory.TrendPoint]] = [:]
    while try statement.nextRow() {
      let block = statement.nextInt()
      trends[block, default: []].append(
        BlockHistory.TrendPoint(
          step: statement.nextInt(), gap: statement.nextDouble(), ratio: statement.nextDouble()))
    }
    return trends
  }
}
