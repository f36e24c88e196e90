import Foundation
import Testing

@Suite struct ReadmeTests {
  private static let way = [
    "ProbeRecorder/Schedule", "ProbeCore/Frame", "ProbeWire/RecordCodec", "ProbeWire/Journal",
    "ProbeDaemon/Ingest", "ProbeStore/Append", "schema.sql", "ProbeStore/Queries",
    "ProbeCore/History", "ProbeAnalysis", "ProbeReport",
  ]

  /// A code block of the README, fenced or indented.
  private struct CodeBlock {
    var firstLine: Int
    var lines: [Substring] = []
  }

  private func codeBlocks() throws -> [CodeBlock] {
    var blocks: [CodeBlock] = []
    var fenced = false
    var open = false
    for (index, line) in try Repository.lines("README.md").enumerated() {
      if line.hasPrefix("```") {
        fenced.toggle()
        open = false
      } else if fenced || line.hasPrefix("    ") {
        if !open { blocks.append(CodeBlock(firstLine: index + 1)) }
        open = true
        blocks[blocks.count - 1].lines.append(line)
      } else if !line.allSatisfy(\.isWhitespace) {
        open = false
      }
    }
    return blocks
  }

  @Test func `The README has at most 200 lines`() throws {
    #expect(try Repository.lines("README.md").count <= 200)
  }

  @Test func `The data's way stands near the top, and each name on it exists`() throws {
    let block = try #require(
      try codeBlocks().first { $0.lines.contains { $0.contains(Self.way[0]) } },
      "a code block with \(Self.way[0])")
    #expect(block.firstLine <= 40)
    let names = block.lines.joined(separator: " ").split(separator: "→").map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    #expect(Array(names.prefix(Self.way.count)) == Self.way)
    for name in Self.way {
      let places = [name, "Sources/\(name)", "Sources/\(name).swift"]
      #expect(places.contains(where: Repository.exists), "\(name)")
    }
  }

  /// The paths that the annotated tree names: the code block with a line for `ProbeCore/`.
  ///
  /// A line is a name, then a note; a name is in the folder that stands above it further left, or
  /// else under Sources or the root.
  private func tree() throws -> [String] {
    let entry = #/([\s│├└─]*)([\w.\-\/]+)(?:\s+.*)?/#
    let block = try #require(
      try codeBlocks().first { block in
        block.lines.contains { $0.wholeMatch(of: entry)?.2.hasSuffix("ProbeCore/") ?? false }
      }, "a code block with a line for ProbeCore/")
    var above: [(indent: Int, path: String)] = []
    var paths: [String] = []
    for line in block.lines {
      guard let match = line.wholeMatch(of: entry) else { continue }
      let indent = match.1.count
      while let last = above.last, last.indent >= indent { above.removeLast() }
      let name = String(match.2)
      let within = above.last.map { "\($0.path)\(name)" }
      let candidates = [within, name, "Sources/\(name)"].compactMap { $0 }
      let path = candidates.first(where: Repository.exists) ?? candidates[0]
      paths.append(path)
      if name.hasSuffix("/") { above.append((indent, path)) }
    }
    return paths
  }

  @Test func `The annotated tree names what exists`() throws {
    for path in try tree() { #expect(Repository.exists(path), "\(path)") }
  }

  @Test func `Every folder of Sources is in the annotated tree`() throws {
    let paths = Set(try tree())
    for folder in Repository.folders(in: "Sources") {
      #expect(paths.contains("Sources/\(folder)/"), "\(folder)")
    }
  }
}
