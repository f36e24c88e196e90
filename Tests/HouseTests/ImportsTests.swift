import Testing

/// Which modules each target may import.
///
/// An incremental build does not catch the import of a module that only another target declares.
@Suite struct ImportsTests {
  private static let system: Set = [
    "Glibc", "Foundation", "FoundationEssentials", "Dispatch", "Synchronization",
  ]
  private static let ours: Set = [
    "ProbeCore", "ProbeWire", "ProbeRecorder", "ProbeStore", "ProbeAnalysis", "ProbeReport",
    "ProbeDaemon", "DigitsTrainer",
  ]
  private static let allowed: [String: Set<String>] = [
    "ProbeCore": ["RealModule"],
    "ProbeWire": ["ProbeCore", "SwiftProtobuf", "FoundationEssentials"],
    "ProbeRecorder": ["ProbeCore", "ProbeWire", "Glibc"],
    "ProbeStore": ["ProbeCore", "GRDB", "GRDBSQLite", "Glibc", "FoundationEssentials"],
    "ProbeAnalysis": ["ProbeCore", "RealModule"],
    "ProbeReport": ["ProbeCore", "ProbeAnalysis", "FoundationEssentials"],
    "ProbeDaemon": [
      "ProbeCore", "ProbeWire", "ProbeStore", "ProbeAnalysis", "ProbeReport", "Glibc",
      "FoundationEssentials", "Synchronization", "HTTPTypes", "HummingbirdCore", "Logging",
      "NIOCore", "NIOExtras",
      "NIOHTTPTypes", "NIOPosix", "NIOSSL", "ServiceLifecycle", "UnixSignals",
    ],
    "DigitsTrainer": ["ProbeCore", "ProbeRecorder", "Glibc"],
    "resnet-probe": ours.union([
      "ArgumentParser", "Glibc", "Logging", "Synchronization",
    ]),
  ]

  /// The modules that a file imports, submodules by their module.
  private func imports(_ file: String) throws -> Set<String> {
    let pattern =
      #/^\s*(?:@\w+\s+)*(?:\w+\s+)?import\s+(?:(?:struct|class|enum|protocol|typealias|func|let|var)\s+)?(\w+)/#
    return Set(
      try Repository.lines(file).compactMap { line in
        line.contains("import ") ? line.firstMatch(of: pattern).map { String($0.1) } : nil
      })
  }

  @Test func `Each target imports what its row allows and nothing else`() throws {
    for (target, modules) in Self.allowed {
      let files = Repository.swiftFiles(under: "Sources/\(target)")
      #expect(!files.isEmpty, "\(target)")
      for file in files {
        let others = try imports(file).subtracting(modules)
        #expect(others.isEmpty, "\(file) imports \(others.sorted())")
      }
    }
  }

  @Test func `Every folder of Swift sources has its row`() {
    let folders = Repository.folders(in: "Sources").filter {
      !Repository.swiftFiles(under: "Sources/\($0)").isEmpty
    }
    #expect(folders == Set(Self.allowed.keys))
  }

  @Test(arguments: ["Journal", "SegmentReader", "CRC32"])
  func `The journal's framing needs nothing but the vocabulary`(name: String) throws {
    #expect(try imports("Sources/ProbeWire/\(name).swift").isSubset(of: ["ProbeCore"]))
  }

  @Test func `Package.swift declares the same`() throws {
    let manifest = try Repository.text("Package.swift")
    for (target, modules) in Self.allowed {
      let declared = try #require(dependencies(of: target, in: manifest), "\(target)")
      #expect(declared == modules.subtracting(Self.system), "\(target)")
    }
  }

  @Test func `Tests reach no further than package access`() throws {
    let sign = "@" + "testable"
    for file in Repository.files where file.hasSuffix(".swift") {
      #expect(try !Repository.text(file).contains(sign), "\(file)")
    }
  }

  /// The modules that a target's entry declares; nil where there is no such entry.
  private func dependencies(of target: String, in manifest: String) -> Set<String>? {
    let targets = manifest.split(separator: #/\.(?:target|executableTarget|testTarget)\(/#)
    guard
      let entry = targets.first(where: {
        $0.prefixMatch(of: #/\s*name: "([^"]+)"/#).map { $0.1 == target } ?? false
      })
    else { return nil }
    guard let start = entry.firstRange(of: "dependencies: [")?.upperBound,
      let end = entry[start...].firstIndex(of: "]")
    else { return [] }
    let list = entry[start..<end].replacing(#/package: "[^"]+"/#, with: "")
    return Set(list.matches(of: #/"([^"]+)"/#).map { String($0.1) })
  }
}
