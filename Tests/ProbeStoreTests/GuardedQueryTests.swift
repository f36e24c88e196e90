import ProbeCore
import ProbeStore
import Support
import Testing

@Suite struct GuardedQueryTests {
  private func refusal(_ sql: String, _ test: TestStore) -> StoreError? {
    do { _ = try test.rows(sql) } catch { return error as? StoreError }
    return nil
  }

  @Test func `reading is allowed in all its forms`() throws {
    let test = try TestStore()
    for sql in [
      "SELECT 1", "select * from run_summary;", "SELECT 1; -- done", "EXPLAIN SELECT 1",
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT max(i) FROM n",
      "PRAGMA table_info(run)", "PRAGMA user_version", "PRAGMA integrity_check",
      "SELECT name FROM pragma_table_info('block')", "VALUES (1, 2)",
      "SELECT key, value FROM json_each('{\"40\":3}')",
    ] {
      #expect(refusal(sql, test) == nil, "\(sql)")
    }
  }

  @Test func `writing, attaching and whatever else does more than read is refused`() throws {
    let test = try TestStore()
    let other = test.folder.file("other.sqlite")
    for sql in [
      "INSERT INTO store (id, uuid, created_at) VALUES (1, 'x', 0)", "DELETE FROM run",
      "UPDATE run SET name = 'x'", "DROP TABLE run", "CREATE TABLE t (x)",
      "CREATE TEMP TABLE t (x)",
      "ATTACH '\(other)' AS o", "DETACH main", "VACUUM", "VACUUM INTO '\(other)'", "REINDEX",
      "ANALYZE", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s",
      "PRAGMA user_version = 7", "PRAGMA journal_mode = DELETE", "PRAGMA writable_schema = ON",
      "PRAGMA wal_checkpoint", "PRAGMA query_only = OFF", "PRAGMA trusted_schema = ON",
      "PRAGMA temp_store_directory = '/tmp'", "PRAGMA optimize",
      "SELECT load_extension('x')", "EXPLAIN DELETE FROM run",
      "CREATE VIRTUAL TABLE v USING fts5(x)",
    ] {
      let error = refusal(sql, test)
      #expect(error?.kind == .refused, "\(sql)")
      #expect(error?.reason == "it does more than read", "\(sql): \(error?.reason ?? "")")
    }
    #expect(try test.number("SELECT count(*) FROM sqlite_master WHERE name = 't'") == 0)
    #expect(try test.number("PRAGMA user_version") == 4)
  }

  @Test func `wrong SQL says what is wrong with it`() throws {
    let test = try TestStore()
    #expect(refusal("SELEC 1", test)?.reason == "near \"SELEC\": syntax error")
    #expect(refusal("SELECT * FROM nowhere", test)?.reason == "no such table: nowhere")
    #expect(
      refusal("UPDATE sqlite_master SET sql = ''", test)?.reason
        == "table sqlite_master may not be modified")
    #expect(refusal("SELECT 1; SELECT 2", test)?.reason == "it is more than one statement")
    #expect(refusal("SELECT 1; DROP TABLE run", test)?.reason == "it is more than one statement")
    #expect(refusal("  ", test)?.reason == "there is no statement in it")
    #expect(refusal("-- nothing", test)?.reason == "there is no statement in it")
  }

  @Test func `every kind of value comes through`() throws {
    let test = try TestStore()
    #expect(
      try test.rows("SELECT NULL, 9223372036854775807, 0.1, 'é', x'00ff', zeroblob(0)")
        == [[.null, .integer(.max), .real(0.1), .text("é"), .blob([0, 255]), .blob([])]])
  }
}
