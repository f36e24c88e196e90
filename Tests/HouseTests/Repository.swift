import Foundation
import Support

/// The repository as these tests read it: what git holds, and what would be added to it.
enum Repository {
  /// What came of a program.
  struct Outcome {
    var code: Int32
    /// Standard output and standard error together.
    var output: String
  }

  /// Runs a program in the repository's root to its end.
  static func run(_ arguments: String...) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    process.currentDirectoryURL = Fixtures.root
    process.standardInput = FileHandle.nullDevice
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Outcome(
      code: process.terminationStatus, output: String(decoding: output, as: UTF8.self))
  }

  /// The paths of all files from the root, sorted: committed ones and new ones that git does not ignore.
  static let files: [String] = {
    // A checkout may belong to another user than the one who tests it.
    guard
      let listed = try? run(
        "git", "-c", "safe.directory=*", "-c", "core.quotePath=false", "ls-files", "--cached",
        "--others", "--exclude-standard"), listed.code == 0
    else { return [] }
    return Set(listed.output.split(separator: "\n").map(String.init)).filter(exists).sorted()
  }()

  /// The Swift files under a folder, without what a generator wrote.
  static func swiftFiles(under folder: String) -> [String] {
    files.filter {
      $0.hasPrefix(folder + "/") && $0.hasSuffix(".swift") && !$0.hasSuffix(".pb.swift")
    }
  }

  /// The names directly under a folder.
  static func folders(in folder: String) -> Set<String> {
    Set(
      files.filter { $0.hasPrefix(folder + "/") }.compactMap {
        let parts = $0.dropFirst(folder.count + 1).split(separator: "/")
        return parts.count > 1 ? String(parts[0]) : nil
      })
  }

  /// Whether there is a file or folder of this path.
  static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: Fixtures.root.appending(path: path).path)
  }

  /// A file's text; bytes that are no UTF-8 are replaced.
  static func text(_ path: String) throws -> String {
    String(decoding: try Data(contentsOf: Fixtures.root.appending(path: path)), as: UTF8.self)
  }

  /// A file's lines, empty ones too.
  static func lines(_ path: String) throws -> [Substring] {
    var lines = try text(path).split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }
}
