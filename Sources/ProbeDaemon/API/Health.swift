import FoundationEssentials
import Glibc
import HTTPTypes

/// How a daemon is: what `/v1/health` answers and `status` shows.
public struct Health: Codable, Sendable, Hashable {
  /// Whether journals can be taken in: `ok` or `failing`.
  public var status: Status
  /// What keeps them from it, and what to do; absent where nothing does.
  public var problem: String?
  /// The daemon's release.
  public var version: String
  /// Its process.
  public var process: Int
  /// Unit: seconds since 1970.
  public var startedAt: Double
  /// The path of its store.
  public var store: String
  /// The store's own identity.
  public var storeUuid: String
  /// The folder of journals that it follows; absent: none.
  public var spool: String?
  /// Where it listens on the network; absent: nowhere.
  public var url: String?
  /// When its TLS certificate expires; absent: there is none.
  ///
  /// Unit: seconds since 1970.
  public var certificateExpiresAt: Double?
  /// The room on the store's disk; absent where the system does not say.
  ///
  /// Unit: bytes.
  public var diskFreeBytes: Int?
  /// The room on the spool's disk.
  ///
  /// Unit: bytes.
  public var spoolDiskFreeBytes: Int?
  /// When rows were last committed; absent: not since it began.
  ///
  /// Unit: seconds since 1970.
  public var lastCommitAt: Double?
  /// The frames that were new in the store since it began.
  public var frames: Int
  /// The segments in the spool that are not done with.
  public var pendingSegments: Int?
  /// The batches of bodies that wait for a commit, the ones being committed included.
  public var queueBatches: Int
  /// The bytes that those stand for.
  public var queueBytes: Int
  /// The memory lent to bodies in flight.
  ///
  /// Unit: bytes.
  public var bodiesBytes: Int
  /// The most of it; a body that needs more is answered 429.
  ///
  /// Unit: bytes.
  public var bodiesLimitBytes: Int

  /// Whether journals can be taken in.
  public enum Status: String, Codable, Sendable {
    /// They can.
    case ok
    /// They cannot.
    case failing
  }

  /// 200 where journals can be taken in, else 503.
  var answer: Answer {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    guard let json = try? encoder.encode(self) else {
      preconditionFailure("every number here is finite")
    }
    return Answer(
      status == .ok ? .ok : .serviceUnavailable, json: String(decoding: json, as: UTF8.self) + "\n")
  }
}

extension Health {
  /// How long before its certificate expires a daemon should have another.
  ///
  /// Unit: seconds.
  public static let certificateNotice = 14 * 86_400.0

  /// The health of the daemon that listens at a socket; nil where none answers.
  public init?(ofDaemonAt socket: String) {
    guard let response = SocketClient(socket: socket).get("/v1/health") else { return nil }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    guard let health = try? decoder.decode(Health.self, from: Data(response.body.utf8)) else {
      return nil
    }
    self = health
  }

  /// The room on the disk that holds a path; nil where the system does not say.
  ///
  /// Unit: bytes.
  static func freeBytes(holding path: String) -> Int? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    return Int(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
  }
}
