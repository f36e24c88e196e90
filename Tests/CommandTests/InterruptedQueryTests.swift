import Foundation
import Support
import Testing

/// A query has no time limit: whoever asked ends it.
@Suite struct InterruptedQueryTests {
  @Test(arguments: ["csv", "jsonl"])
  func `a query without end is ended by Ctrl-C`(format: String) throws {
    let command = try Command()
    let journal = Fixtures.root.appending(path: "Tests/Support/Fixtures/complete.rpj").path
    #expect(try command("ingest", journal).code == 0)
    let endless = """
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n
      """
    let query = command.process(Command.program.path, ["query", "--format", format, endless])
    let rows = Pipe()
    query.standardOutput = rows
    query.standardError = FileHandle.nullDevice
    // A test's thread may block signals, and what it starts would inherit that.
    var interrupt = sigset_t()
    sigemptyset(&interrupt)
    sigaddset(&interrupt, SIGINT)
    var before = sigset_t()
    pthread_sigmask(SIG_UNBLOCK, &interrupt, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try query.run()
    // It runs: rows come.
    #expect(try rows.fileHandleForReading.read(upToCount: 1) != nil)
    query.interrupt()
    // Whoever did not hear the signal ends of this instead, by another one.
    try rows.fileHandleForReading.close()
    query.waitUntilExit()
    #expect(query.terminationReason == .uncaughtSignal && query.terminationStatus == SIGINT)
  }
}
