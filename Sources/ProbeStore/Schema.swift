import GRDB
import ProbeCore

/// The schema that a store must have, and the way there from older ones.
package struct Schema: Sendable {
  /// The statements that make a store of this version.
  package var sql: String
  /// The version, as in `PRAGMA user_version`.
  package var version: Int
  /// The statements that lead from a version to the next, by the version they start from.
  package var upgrades: [Int: String]

  /// "RPJ1" as a number: what `PRAGMA application_id` says of every store.
  package static let applicationID = 1_380_993_585

  /// The schema of this program: `schema.sql`.
  package static let current = Schema(
    sql: String(decoding: PackageResources.schema_sql, as: UTF8.self), version: 4,
    upgrades: SchemaUpgrades.all)

  package init(sql: String, version: Int, upgrades: [Int: String]) {
    self.sql = sql
    self.version = version
    self.upgrades = upgrades
  }

  /// Makes, upgrades or accepts the database; each in one transaction.
  func prepare(_ db: Database, path: String) throws {
    if try isBlank(db) {
      try db.inTransaction(.immediate) {
        // Another process may have made it while this one waited for the lock.
        guard try isBlank(db) else { return .commit }
        try db.execute(sql: sql)
        try db.execute(
          sql:
            "INSERT INTO store (id, uuid, created_at) VALUES (1, ?, strftime('%s', 'now') + 0.0)",
          arguments: [Identity.random().description])
        return .commit
      }
    }
    if try versionFound(db, path: path) < version { try upgrade(db, path: path) }
    try checkShape(db, path: path)
  }

  private func upgrade(_ db: Database, path: String) throws {
    // Foreign keys cannot be switched off inside the transaction; upgrades keep them intact.
    try db.inTransaction(.immediate) {
      for step in try versionFound(db, path: path)..<version {
        guard let sql = upgrades[step] else {
          throw refuse(
            path, "its schema \(step) is older than this program can upgrade",
            "use an older release to upgrade it first")
        }
        try db.execute(sql: sql)
      }
      try renewViews(db)
      try db.execute(sql: "PRAGMA user_version = \(version)")
      return .commit
    }
  }

  /// Makes the views as `schema.sql` has them, comments too: a store whose text is the schema's is checked
  /// by comparing texts, which takes 40 ms less a command than asking SQLite for the columns.
  private func renewViews(_ db: Database) throws {
    for view in SchemaPart.parts(of: sql) where view.isView {
      try db.execute(sql: "DROP VIEW IF EXISTS \(view.name);\n\(view.statement)")
    }
  }

  /// Accepts only a store of exactly this version: a reader does not upgrade.
  func check(_ db: Database, path: String) throws {
    if try isBlank(db) {
      throw StoreError(
        .noStore, action: "read the store", subject: path, reason: "it is empty",
        hint: "name another file with --store")
    }
    let found = try versionFound(db, path: path)
    guard found == version else {
      throw refuse(
        path, "its schema is \(found), this program reads \(version)",
        "any command that writes upgrades it, for example `resnet-probe ingest --store`")
    }
    try checkShape(db, path: path)
  }

  private func checkShape(_ db: Database, path: String) throws {
    guard let problem = try SchemaCheck(self).problem(db) else { return }
    throw refuse(
      path, problem,
      "the store was edited by hand; take the journals it came from into a new one")
  }

  private func versionFound(_ db: Database, path: String) throws -> Int {
    let id = try Int.fetchOne(db, sql: "PRAGMA application_id") ?? 0
    let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    guard id == Self.applicationID else {
      throw refuse(
        path, "it is a SQLite database of another program", "name another file with --store")
    }
    guard found <= version else {
      throw refuse(
        path, "its schema is \(found), newer than the \(version) of this program",
        "install a newer resnet-probe")
    }
    return found
  }

  private func isBlank(_ db: Database) throws -> Bool {
    try Int.fetchOne(db, sql: "PRAGMA application_id") == 0
      && Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") == 0
  }

  private func refuse(_ path: String, _ reason: String, _ hint: String) -> StoreError {
    StoreError(.failed, action: "open the store", subject: path, reason: reason, hint: hint)
  }
}
