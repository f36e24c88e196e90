import GRDB
import GRDBSQLite

/// A prepared statement at the level of SQLite's own calls, for the rows that come by the million.
///
/// Binding and reading through it is about four times as fast as through GRDB's values (0.8 against
/// 0.2 million rows a second, 10 statistics a row, two cores). GRDB owns and caches the statement.
struct StatementHandle {
  private let statement: Statement
  private let handle: OpaquePointer
  private let connection: OpaquePointer?
  private var place: CInt = 0

  init(_ db: Database, _ sql: String) throws {
    statement = try db.cachedStatement(sql: sql)
    handle = statement.sqliteStatement
    connection = db.sqliteConnection
    sqlite3_reset(handle)
    sqlite3_clear_bindings(handle)
  }

  mutating func bind(_ value: Int) {
    place += 1
    sqlite3_bind_int64(handle, place, Int64(value))
  }

  /// Nil and NaN become NULL.
  mutating func bind(_ value: Double?) {
    place += 1
    if let value {
      sqlite3_bind_double(handle, place, value)
    } else {
      sqlite3_bind_null(handle, place)
    }
  }

  mutating func bind(_ value: String) {
    var value = value
    value.withUTF8 { bind(text: $0) }
  }

  /// UTF-8, which SQLite copies; nil becomes NULL.
  mutating func bind(text: UnsafeBufferPointer<UInt8>?) {
    place += 1
    guard let text, let start = text.baseAddress else {
      sqlite3_bind_null(handle, place)
      return
    }
    let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    start.withMemoryRebound(to: CChar.self, capacity: text.count) { start in
      _ = sqlite3_bind_text(handle, place, start, CInt(text.count), transient)
    }
  }

  /// Executes a statement that returns no rows and readies it for the next binding.
  mutating func run() throws {
    let code = sqlite3_step(handle)
    sqlite3_reset(handle)
    place = 0
    guard code == SQLITE_DONE else { throw failure(code) }
  }

  /// Steps to the next row; false after the last, when the statement has been reset.
  mutating func nextRow() throws -> Bool {
    place = 0
    let code = sqlite3_step(handle)
    if code == SQLITE_ROW { return true }
    sqlite3_reset(handle)
    guard code == SQLITE_DONE else { throw failure(code) }
    return false
  }

  /// The number that a statement of one row and one column gives; nil for NULL and for no row.
  mutating func onlyInt() throws -> Int? {
    guard try nextRow() else { return nil }
    let isNull = sqlite3_column_type(handle, place) == SQLITE_NULL
    let value = nextInt()
    sqlite3_reset(handle)
    return isNull ? nil : value
  }

  /// A count; one that no step has (a hand-edited store's) becomes the nearest that sums of a million
  /// records can still hold.
  mutating func nextCount() -> Int { min(max(0, nextInt()), 1 << 40) }

  mutating func nextInt() -> Int {
    defer { place += 1 }
    return Int(sqlite3_column_int64(handle, place))
  }

  mutating func nextDouble() -> Double? {
    defer { place += 1 }
    // NULL reads as 0: only then is there anything to tell apart.
    let value = sqlite3_column_double(handle, place)
    return value == 0 && sqlite3_column_type(handle, place) == SQLITE_NULL ? nil : value
  }

  mutating func nextText() -> UnsafeBufferPointer<UInt8>? {
    defer { place += 1 }
    guard let text = sqlite3_column_text(handle, place) else { return nil }
    return UnsafeBufferPointer(start: text, count: Int(sqlite3_column_bytes(handle, place)))
  }

  private func failure(_ code: CInt) -> DatabaseError {
    DatabaseError(
      resultCode: ResultCode(rawValue: code),
      message: connection.flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) })
  }
}
