import GRDB
import GRDBSQLite

/// What can be asked of a store's health.
extension Store {
  /// The version of the SQLite library in use, as "3.40.1".
  public static var sqliteVersion: String { String(cString: sqlite3_libversion()) }

  /// Whether that library knows STRICT tables (3.37).
  public static var knowsStrictTables: Bool { sqlite3_libversion_number() >= 3_037_000 }

  /// What SQLite finds wrong with the file: nothing for a sound one.
  ///
  /// Complexity: reads the whole file.
  public func integrityProblems() throws(StoreError) -> [String] {
    let lines = try read("check the store") {
      try String.fetchAll($0, sql: "PRAGMA integrity_check(10)")
    }
    return lines == ["ok"] ? [] : lines
  }

  /// The kind of network file system that a path lies on; nil on a local one.
  public static func networkFileSystem(holding path: String) -> String? {
    NetworkFileSystem.kind(holding: StoreFile.folder(of: path))
  }
}
