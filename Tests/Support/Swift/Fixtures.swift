public import Foundation

/// The files under Tests/Support/Fixtures.
public enum Fixtures {
  /// The repository's root.
  public static let root: URL = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// A fixture's bytes; the test that asks for one that is not there ends.
  public static func bytes(_ name: String) throws -> [UInt8] {
    try Array(Data(contentsOf: root.appending(path: "Tests/Support/Fixtures/\(name)")))
  }
}

/// A new folder of its own for a test, removed with the value.
public final class TemporaryFolder: Sendable {
  /// The folder.
  public let path: String

  /// Makes a folder.
  public init() throws {
    let pattern = FileManager.default.temporaryDirectory.path + "/resnet-probe-test-XXXXXX"
    var name = pattern.utf8CString.map { $0 }
    guard mkdtemp(&name) != nil else { throw CocoaError(.fileWriteUnknown) }
    path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// A path in the folder.
  public func file(_ name: String) -> String { "\(path)/\(name)" }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
