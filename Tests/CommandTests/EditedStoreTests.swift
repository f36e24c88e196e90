import Foundation
import Support
import Testing

/// A store that someone changed by hand is refused or reported on, and never ends the program.
@Suite struct EditedStoreTests {
  @Test(arguments: [
    "UPDATE block_statistics SET samples = 9223372036854775807",
    "UPDATE block_statistics SET samples = -9223372036854775808",
    "UPDATE block_statistics SET dropped = 9223372036854775807, undefined = 9223372036854775807",
    "UPDATE block_statistics SET non_finite = 9223372036854775807",
    "UPDATE block_statistics SET identity_gap_n = 9223372036854775807, residual_ratio_n = -1",
    "UPDATE block_statistics SET identity_gap_histogram = '{\"0\":9999999999999999999,\"0\":99999999999999999999}'",
    "UPDATE block SET run_id = 7", "DELETE FROM block", "DELETE FROM attempt",
    "DELETE FROM journal",
    "UPDATE block SET ordinal = ordinal - 5",
    "UPDATE attempt SET first_step = -9223372036854775808",
    "UPDATE block_rollup SET start = 9223372036854775806 WHERE span = 64",
    "UPDATE block_rollup SET start = 9223372036854775806",
    "UPDATE run SET uuid = 'none'", "UPDATE run SET started_at = -1e308, last_seen_at = 1e308",
    "UPDATE frame SET step = 9223372036854775807 WHERE step = 10", "DELETE FROM frame",
  ])
  func `no row ends the program`(change: String) throws {
    let command = try Command()
    let journals = ["complete", "second-segment"].map {
      Fixtures.root.appending(path: "Tests/Support/Fixtures/\($0).rpj").path
    }
    #expect(try command("ingest", journals[0]).code == 0)
    let edited = try command.shell(
      "sqlite3 '\(command.store)' \"PRAGMA ignore_check_constraints = ON; \(change.replacing("\"", with: "\\\""))\""
    )
    #expect(edited.code == 0, "\(edited.errors)")
    for arguments in [
      ["report"], ["report", "--json"], ["runs"], ["status"], ["ingest", journals[1]],
    ] {
      let outcome = try command.shell("\"$probe\" \(arguments.joined(separator: " "))")
      #expect([0, 1, 3].contains(outcome.code), "\(arguments): \(outcome.code)")
      #expect(outcome.errors.count { $0 == "\n" } <= 1, "\(outcome.errors.prefix(300))")
    }
  }

  @Test func `a table rebuilt by hand is refused in one line`() throws {
    let command = try Command()
    let journal = Fixtures.root.appending(path: "Tests/Support/Fixtures/complete.rpj").path
    #expect(try command("ingest", journal).code == 0)
    let script = """
      CREATE TABLE copy AS SELECT * FROM attempt; DROP TABLE attempt;
      CREATE TABLE attempt AS SELECT * FROM copy; UPDATE attempt SET world_size = 'many';
      """
    #expect(try command.shell("sqlite3 '\(command.store)' \"\(script)\"").code == 0)
    for arguments in [
      ["report"], ["runs"], ["status"], ["ingest", journal], ["query", "SELECT 1"],
    ] {
      let outcome = try command.shell(
        "\"$probe\" \(arguments.map { "'\($0)'" }.joined(separator: " "))")
      #expect(outcome.code != 0 && outcome.code < 128, "\(arguments): \(outcome.code)")
      #expect(
        outcome.errors.contains(
          "its table attempt is not as this program makes it: it is not STRICT"),
        "\(arguments): \(outcome.errors.prefix(300))")
    }
  }
}
