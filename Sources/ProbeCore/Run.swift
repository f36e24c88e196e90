/// A 128-bit identity, written as 32 lower-case hexadecimal digits.
public struct Identity: Sendable, Hashable, CustomStringConvertible {
  /// The sixteen bytes.
  public let bytes: [UInt8]

  /// An identity from its bytes; nil unless there are sixteen.
  public init?(bytes: some Sequence<UInt8>) {
    self.bytes = Array(bytes)
    guard self.bytes.count == 16 else { return nil }
  }

  /// An identity from 32 hexadecimal digits; hyphens are passed over, as in a UUID.
  ///
  /// Nil otherwise.
  public init?(_ text: some StringProtocol) {
    var digits: [UInt8] = []
    for character in text.utf8 where character != UInt8(ascii: "-") {
      switch character {
      case 0x30...0x39: digits.append(character - 0x30)
      case 0x41...0x46: digits.append(character - 0x41 + 10)
      case 0x61...0x66: digits.append(character - 0x61 + 10)
      default: return nil
      }
    }
    guard digits.count == 32 else { return nil }
    bytes = (0..<16).map { digits[2 * $0] << 4 | digits[2 * $0 + 1] }
  }

  /// A random identity.
  public static func random(using generator: inout some RandomNumberGenerator) -> Identity {
    Identity(bytes: (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) })!
  }

  /// A random identity from the system's generator.
  public static func random() -> Identity {
    var generator = SystemRandomNumberGenerator()
    return random(using: &generator)
  }

  /// The 32 hexadecimal digits.
  public var description: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}

/// What a recorder says of itself and its run at the head of every segment.
public struct RunOpened: Sendable, Hashable {
  /// The run's identity: the same again is a new attempt of the same run.
  public var run: Identity
  /// The attempt's identity, shared by all ranks of one start.
  public var attempt: Identity
  /// The run's label; not trusted to be printable.
  public var name: String
  /// The project the run belongs to; empty where none.
  public var project: String
  /// When this attempt started.
  ///
  /// Unit: seconds since 1970.
  public var startedAt: Double
  /// The first step of this attempt; it supersedes earlier attempts from there on.
  public var firstStep: Int
  /// This process among the run's processes, from 0.
  public var rank: Int
  /// The number of processes.
  public var worldSize: Int
  /// The steps planned, where known.
  public var plannedSteps: Int?
  /// The framework and the recorder with their versions, for people ("swift DigitsTrainer; recorder 0.1.0").
  public var recorder: String
  /// The host's name.
  public var host: String
  /// The user's configuration as key and value, secrets already redacted.
  public var config: [String: String]

  /// The most bytes of UTF-8 that a name, project, recorder or host, or a key of the configuration, may take.
  public static let maximumTextLength = 512
  /// The most entries that a configuration may have.
  public static let maximumConfigEntries = 1024
  /// The most bytes of UTF-8 that one value of a configuration may take.
  public static let maximumConfigValueLength = 65_536
  /// The most bytes of UTF-8 that a configuration's keys and values may take together: every segment
  /// begins with it.
  public static let maximumConfigLength = 1 << 20

  /// Describes a run's opening; what is left out is unknown.
  public init(
    run: Identity, attempt: Identity, name: String, project: String = "", startedAt: Double,
    firstStep: Int = 0, rank: Int = 0, worldSize: Int = 1, plannedSteps: Int? = nil,
    recorder: String = "", host: String = "", config: [String: String] = [:]
  ) {
    self.run = run
    self.attempt = attempt
    self.name = name
    self.project = project
    self.startedAt = startedAt
    self.firstStep = firstStep
    self.rank = rank
    self.worldSize = worldSize
    self.plannedSteps = plannedSteps
    self.recorder = recorder
    self.host = host
    self.config = config
  }
}

/// The last word of a recorder that ended in order.
public struct AttemptFinished: Sendable, Hashable {
  /// How an attempt ended.
  public enum Status: String, Sendable, CaseIterable {
    /// The training loop came to its end.
    case completed
    /// The training loop stopped on an error.
    case failed
  }

  /// How it ended.
  public var status: Status
  /// When it ended.
  ///
  /// Unit: seconds since 1970.
  public var finishedAt: Double
  /// The last optimizer step, measured or not.
  public var lastStep: Int
  /// The frames dropped over the whole journal.
  public var droppedFrames: Int

  /// An end.
  public init(status: Status, finishedAt: Double, lastStep: Int, droppedFrames: Int) {
    self.status = status
    self.finishedAt = finishedAt
    self.lastStep = lastStep
    self.droppedFrames = droppedFrames
  }
}

/// One record of a journal.
public enum Record: Sendable, Hashable {
  /// The head of every segment.
  case runOpened(RunOpened)
  /// The blocks of the run, before its first frame in a segment.
  case blockMap(BlockMap)
  /// A measured step.
  case frame(Frame)
  /// Numbers the user logged for a step that was not measured, or after its frame.
  case metrics(step: Int, [Metric])
  /// What an examination measured by removing one set of blocks.
  case ablation(Examination, Ablation)
  /// What an examination measured of a block and some later ones; all have one `first`.
  case similarity(Examination, [Similarity])
  /// What an examination found a dense block to read.
  case reuse(Examination, Reuse)
  /// Blocks in the order that an examination removes them in.
  case removalOrder(Examination, RemovalOrder)
  /// The end of the attempt on this rank.
  case attemptFinished(AttemptFinished)
}
