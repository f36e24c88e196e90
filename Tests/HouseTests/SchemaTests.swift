import Testing

/// What people read who query a store by hand.
///
/// A column's comment stands on its line or on the line above. It holds for the columns of the same
/// statistic that follow at once (`cosine_n`, `cosine_mean`, `cosine_m2`), and for columns of the same
/// name further down the file, since one name means one thing. `id` and `…_id` are keys and need none.
@Suite struct SchemaTests {
  private static let statistics = [
    "identity_gap", "residual_ratio", "cosine", "perpendicular_ratio", "angular_distance",
    "block_influence", "stream_rms", "branch_rms", "output_grad_norm", "branch_gain",
    "taylor_importance", "gate_gradient", "weight_norm", "gradient_norm", "update_ratio",
    "gate_rms",
    "constant_fraction", "dead_fraction", "absorbed_fraction",
  ]

  private struct Column {
    var table: String
    var name: String
    var hasComment: Bool
  }

  private func columns() throws -> [Column] {
    let column = #/ {2}([a-z][a-z0-9_]*) (?:INTEGER|REAL|TEXT|BLOB)\b.*/#
    var columns: [Column] = []
    var table: String?
    var above: Substring = ""
    for line in try Repository.lines("schema.sql") {
      if let match = line.wholeMatch(of: #/CREATE TABLE ([a-z_]+) \(/#) {
        table = String(match.1)
      } else if line.hasPrefix(")") {
        table = nil
      } else if let table, let match = line.wholeMatch(of: column) {
        columns.append(
          Column(
            table: table, name: String(match.1),
            hasComment: line.contains("--") || above.hasPrefix("  --")))
      }
      above = line
    }
    return columns
  }

  /// The statistic that a column is a part of: `cosine` of `cosine_m2`.
  private func stem(_ column: String) -> Substring {
    let suffix = #/(?:_log)?_(?:n|mean|m2|sum|p50|p90|p99|min|max|histogram)$/#
    return column.firstMatch(of: suffix).map { column[..<$0.range.lowerBound] } ?? column[...]
  }

  @Test func `Every column has its comment`() throws {
    var explained: Set<String> = []
    var before: Column?
    for column in try columns() {
      let follows =
        before.map { $0.table == column.table && stem($0.name) == stem(column.name) } ?? false
      let isKey = column.name == "id" || column.name.hasSuffix("_id")
      let isExplained = column.hasComment || follows || isKey || explained.contains(column.name)
      #expect(isExplained, "\(column.table).\(column.name)")
      explained.insert(column.name)
      before = column
    }
  }

  @Test func `Every table and view has a comment before it`() throws {
    var above: Substring = ""
    var found = 0
    for line in try Repository.lines("schema.sql") {
      if line.contains(#/^CREATE (?:TABLE|VIEW) /#) {
        found += 1
        #expect(above.hasPrefix("--"), "\(line)")
      }
      above = line
    }
    #expect(found >= 17)
  }

  @Test(arguments: statistics)
  func `Every statistic has its columns, in the table and in the view`(name: String) throws {
    let table = try columns().filter { $0.table == "block_statistics" && stem($0.name) == name }
    #expect(!table.isEmpty)
    let schema = try Repository.text("schema.sql")
    let view = try #require(schema.split(separator: "CREATE VIEW block_step AS").dropFirst().first)
      .prefix { $0 != ";" }
    #expect(
      view.matches(of: #/ AS ([a-z0-9_]+)/#).contains { stem(String($0.1)) == name })
  }
}
