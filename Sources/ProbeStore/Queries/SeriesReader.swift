import GRDB
public import ProbeCore

/// Which series of a block are wanted.
public struct SeriesRequest: Sendable, Hashable {
  /// Columns of the view `block_step`.
  public var statistics: [String]
  /// The first step wanted.
  public var from: Int
  /// The most measured steps wanted.
  public var limit: Int

  /// The most that may be asked for at a time.
  public static let longest = 10_000
  /// What is meant where nothing is named.
  public static let usual = ["identity_gap_p50", "residual_ratio_p50", "taylor_importance_mean"]

  /// A request; `limit` is held to 1 … ``longest``.
  public init(statistics: [String] = usual, from: Int = 0, limit: Int = 1000) {
    self.statistics = statistics
    self.from = from
    self.limit = min(max(1, limit), Self.longest)
  }
}

/// Statistics of one block over steps, attempts and ranks merged as in the view `block_step`.
public struct Series: Sendable, Hashable {
  /// The block's module path; not trusted to be printable.
  public var block: String
  /// The statistics, in the order asked for.
  public var statistics: [String]
  /// The records in step order: the step, then a cell for each statistic.
  public var records: [[Cell]]
  /// The first measured step after them; nil where there is none.
  public var next: Int?
}

extension Store {
  /// Series of one block of a run.
  ///
  /// Complexity: linear in the run's steps and in the rows of all blocks at the steps wanted.
  ///
  /// - Throws: ``StoreError``, of kind ``StoreError/Kind/notFound`` where there is no such block or
  ///   statistic.
  public func series(
    ofBlock ordinal: Int, inRun run: RunSummary, _ request: SeriesRequest
  ) throws(StoreError) -> Series {
    let steps = try steps(ofRun: run.id).map(\.step).filter { $0 >= request.from }
    let wanted = steps.prefix(request.limit)
    return try read("read the series in") { db in
      let name = try String.fetchOne(
        db, sql: "SELECT name FROM block WHERE run_id = ? AND ordinal = ?",
        arguments: [run.id, ordinal])
      guard let name else {
        throw StoreError(
          .notFound, action: "find block", subject: "\(ordinal)",
          reason: "run \(run.id) has \(run.blocks) blocks", hint: "they are counted from 0")
      }
      let known = try Self.statistics(db)
      if let stranger = request.statistics.first(where: { !known.contains($0) }) {
        throw StoreError(
          .notFound, action: "find statistic", subject: stranger,
          reason: "it is no column of block_step",
          hint: "there are \(known.joined(separator: ", "))")
      }
      let columns = ["step"] + request.statistics
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT \(columns.joined(separator: ", ")) FROM block_step
          WHERE run_id = ? AND ordinal = ? AND step BETWEEN ? AND ? ORDER BY step
          """, arguments: [run.id, ordinal, wanted.first ?? 0, wanted.last ?? -1])
      return Series(
        block: name, statistics: request.statistics,
        records: rows.map { row in columns.indices.map { Cell(row[$0] as DatabaseValue) } },
        next: steps.dropFirst(wanted.count).first)
    }
  }

  /// The columns of `block_step` that are statistics or counters.
  private static func statistics(_ db: Database) throws -> [String] {
    let keys: Set = ["run_id", "step", "block_id", "ordinal", "name", "attempt_id"]
    return try String.fetchAll(db, sql: "SELECT name FROM pragma_table_info('block_step')")
      .filter { !keys.contains($0) }
  }
}

extension Cell {
  fileprivate init(_ value: DatabaseValue) {
    self =
      switch value.storage {
      case .null: .null
      case .int64(let value): .integer(value)
      case .double(let value): .real(value)
      case .string(let text): .text(text)
      case .blob(let data): .blob(Array(data))
      }
  }
}
