import Foundation
import Support
import Testing

/// The code blocks of README.md, and the loop of RecordingInSwift.md: whether they are true.
@Suite struct ReadmeTests {
  private struct Block {
    var language: String
    var lines: [String]
  }

  private func text(_ path: String) throws -> [String] {
    try String(contentsOf: Fixtures.root.appending(path: path), encoding: .utf8)
      .components(separatedBy: "\n")
  }

  private func blocks(of path: String = "README.md") throws -> [Block] {
    var blocks: [Block] = []
    var isInside = false
    for line in try text(path) {
      if line.hasPrefix("```") {
        isInside.toggle()
        if isInside { blocks.append(Block(language: String(line.dropFirst(3)), lines: [])) }
      } else if isInside {
        blocks[blocks.count - 1].lines.append(line)
      }
    }
    return blocks
  }

  /// A home with the demo's store at its default place, and the program on the PATH.
  private func run(_ script: String, in command: Command) throws -> Command.Outcome {
    let folder = Command.program.deletingLastPathComponent().path
    let process = """
      unset XDG_DATA_HOME XDG_STATE_HOME
      export PATH='\(folder)':"$PATH" COLUMNS=100
      \(script)
      """
    return try command.shell(process)
  }

  /// The words of a line: what has digits or is drawn is the machine's own.
  private func words(_ line: String) -> [String] {
    line.split(separator: " ").map(String.init).filter { word in
      !word.contains { $0.isNumber || "▁▂▃▄▅▆▇█·─".contains($0) }
    }
  }

  @Test func `the output that the README shows is what the demo prints`() throws {
    let command = try Command()
    let demo = try run("resnet-probe demo", in: command)
    #expect(demo.code == 0)
    // Where lines wrap depends on numbers that differ from run to run: words in order are compared.
    let printed = words(demo.output.replacing("\n", with: " "))
    let shown = try blocks().filter { $0.language.isEmpty && !$0.lines[0].hasPrefix("schema.sql") }
    #expect(shown.count == 1)
    for block in shown {
      let wanted = words(block.lines.joined(separator: " "))
      let isPrinted = printed.indices.contains { start in
        printed[start...].prefix(wanted.count).elementsEqual(wanted)
      }
      #expect(isPrinted && wanted.count > 40, "\(block.lines[0])")
    }
  }

  @Test func `every example of the README runs as written after the demo`() throws {
    let command = try Command()
    #expect(try run("resnet-probe demo", in: command).code == 0)
    let scripts = try blocks().filter { $0.language == "sh" }.map(\.lines)
    let examples = scripts.filter { $0[0].hasPrefix("resnet-probe runs") || $0[0].hasPrefix("cd ") }
    #expect(examples.count == 2)
    var count = 0
    for script in examples {
      // A command goes to the line before the next that begins one.
      var commands: [String] = []
      for line in script where !line.isEmpty && !line.hasPrefix("#") {
        if line.hasPrefix("  ") {
          commands[commands.count - 1] += "\n" + line
        } else {
          commands.append(line)
        }
      }
      let isSQL = script[0].hasPrefix("cd ")
      for line in isSQL ? Array(commands.dropFirst()) : commands {
        let outcome = try run((isSQL ? script[0] + "\n" : "") + line, in: command)
        #expect(outcome.code == 0 && outcome.errors.isEmpty, "\(line): \(outcome.errors)")
        #expect(outcome.output.split(separator: "\n").count > 3, "\(line): \(outcome.output)")
        count += 1
      }
    }
    #expect(count == 13)
  }

  @Test(arguments: ["RecordingInSwift:", "RecordingInSwift ablations:"])
  func `the code of RecordingInSwift is the one that a test runs`(mark: String) throws {
    let article = "Sources/resnet-probe/ResnetProbe.docc/RecordingInSwift.md"
    let shown = try blocks(of: article).filter { $0.language == "swift" }.map(\.lines)
    let source = try text("Tests/ProbeRecorderTests/ArticleExample.swift")
    let begin = try #require(source.firstIndex { $0.contains("// \(mark) begin") })
    let end = try #require(source.firstIndex { $0.contains("// \(mark) end") })
    let tested = source[(begin + 1)..<end].map { String($0.dropFirst(4)) }
    #expect(shown.count == 2 && shown.contains(tested))
  }
}
