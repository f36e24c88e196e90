import Foundation
import Support
import Testing

/// What `report --json` says, as far as the tests read it.
struct ReportJSON: Decodable {
  struct Block: Decodable {
    var name: String
    var verdict: String
    var origin: String?
    var since_step: Int?
  }
  var format: String
  var blocks: [Block]
}

@Suite struct DemoTests {
  @Test func `the demo names the three held blocks and no others, in report, JSON and SQL`() throws
  {
    let command = try Command()
    let demo = try command("demo")
    #expect(demo.code == 0, "\(demo.errors)")
    #expect(
      demo.output.contains(
        "3 of 16 blocks behave as the identity: blocks.3, blocks.7, blocks.11 (at birth, since step 0)."
      ))
    #expect(demo.output.contains("The store: \(command.store)"))
    let report = try command("report", "--run", "latest", "--json")
    let json = try JSONDecoder().decode(ReportJSON.self, from: Data(report.output.utf8))
    let identities = json.blocks.filter { $0.verdict.hasSuffix("identity") }
    #expect(identities.map(\.name) == ["blocks.3", "blocks.7", "blocks.11"])
    #expect(
      identities.allSatisfy {
        $0.verdict == "strict_identity" && $0.origin == "at_birth" && $0.since_step == 0
      })
    let sql = try command(
      "query", "SELECT name FROM block_latest WHERE run_id = 6 AND verdict = 'strict_identity'",
      "--format", "csv")
    #expect(sql.output == "name\nblocks.3\nblocks.7\nblocks.11\n")
    let runs = try command(
      "query",
      "SELECT name, status, blocks, frames, identity_blocks FROM run_summary ORDER BY run_id",
      "--format", "csv")
    #expect(
      runs.output == """
        name,status,blocks,frames,identity_blocks
        plain-2,completed,2,121,0
        plain-8,completed,8,121,0
        residual-2,completed,2,121,0
        residual-8,completed,8,121,0
        residual-16,completed,16,121,0
        residual-16-held,completed,16,121,3

        """)
    // The SQL lines that the demo prints are to be pasted.
    let lines = demo.output.split(separator: "\n").filter {
      $0.hasPrefix("  resnet-probe query ") || $0.hasPrefix("  sqlite3 ")
    }
    #expect(lines.count == 2)
    for line in lines {
      let pasted = try command.shell(
        String(line).replacing("  resnet-probe", with: "\"$probe\""))
      #expect(
        pasted.code == 0 && pasted.output.split(separator: "\n").count > 10, "\(pasted.errors)")
    }
  }

  @Test func `a demo into a store of one's own leaves the default store alone`() throws {
    let command = try Command()
    let own = command.home.file("own store.sqlite")
    let demo = try command("demo", "--store", own)
    #expect(demo.code == 0, "\(demo.errors)")
    #expect(!FileManager.default.fileExists(atPath: command.store))
    #expect(try command("report", "--store", own).output.contains("Run 6 · residual-16-held"))
  }
}
