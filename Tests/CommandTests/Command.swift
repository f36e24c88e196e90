import Foundation
import Support

/// The built program, run as a user runs it, with a home of its own.
struct Command {
  /// What came of a run.
  struct Outcome {
    var code: Int32
    var output: String
    var errors: String
  }

  let home: TemporaryFolder

  init() throws { home = try TemporaryFolder() }

  var store: String { home.file("data/resnet-probe/probe.sqlite") }
  var spool: String { home.file("state/resnet-probe/spool") }

  /// Where the build put the program: beside the tests.
  static let program: URL = {
    let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") } ?? .main
    let beside = bundle.bundleURL.deletingLastPathComponent().appending(path: "resnet-probe")
    if FileManager.default.isExecutableFile(atPath: beside.path) { return beside }
    return Fixtures.root.appending(path: ".build/release/resnet-probe")
  }()

  /// Runs the program to its end.
  func callAsFunction(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome
  {
    try run(Self.program.path, arguments, environment: environment)
  }

  /// Runs a shell script in which "$probe" is the program.
  func shell(_ script: String) throws -> Outcome {
    try run("/bin/bash", ["-c", script], environment: ["probe": Self.program.path])
  }

  /// The process, not yet started.
  func process(
    _ path: String, _ arguments: [String], environment: [String: String] = [:]
  ) -> Process {
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    var all = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("RESNET_PROBE_") }
    all["HOME"] = home.path
    all["XDG_DATA_HOME"] = home.file("data")
    all["XDG_STATE_HOME"] = home.file("state")
    process.environment = all.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    return process
  }

  private func run(
    _ path: String, _ arguments: [String], environment: [String: String]
  ) throws -> Outcome {
    let process = process(path, arguments, environment: environment)
    // Files rather than pipes: no reader can be too slow.
    let files = [home.file("out-\(UUID())"), home.file("err-\(UUID())")]
    for file in files { try Data().write(to: URL(filePath: file)) }
    process.standardOutput = FileHandle(forWritingAtPath: files[0])
    process.standardError = FileHandle(forWritingAtPath: files[1])
    try process.run()
    process.waitUntilExit()
    let texts = try files.map {
      String(decoding: try Data(contentsOf: URL(filePath: $0)), as: UTF8.self)
    }
    return Outcome(code: process.terminationStatus, output: texts[0], errors: texts[1])
  }
}
