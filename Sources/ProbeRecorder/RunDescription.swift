public import ProbeCore

/// What a training loop says of its run when it opens a recorder.
public struct RunDescription: Sendable, Hashable {
  /// The run's label, at most 512 bytes of UTF-8.
  public var name: String
  /// The project it belongs to, at most 512 bytes; empty where none.
  public var project: String
  /// The run's identity: the same again is a new attempt of the same run.
  ///
  /// Nil: that in `RESNET_PROBE_RUN_ID` (32 hexadecimal digits), else a random one.
  public var id: Identity?
  /// The first step of this attempt, which supersedes earlier attempts from there on.
  public var firstStep: Int
  /// The steps planned, counted from step 0, where known.
  public var plannedSteps: Int?
  /// The configuration as key and value: at most 1,024 entries, keys of 512 bytes, values of 64 KiB,
  /// 1 MiB of all.
  ///
  /// Values whose key speaks of a secret are replaced before they are written (``Redaction``).
  public var config: [String: String]
  /// The identity that all ranks of one start share; nil: random, which fits a single process.
  public var attempt: Identity?
  /// This process among the run's processes, from 0.
  public var rank: Int
  /// The number of processes.
  public var worldSize: Int
  /// The framework with its version, for people.
  public var framework: String

  /// Describes a run; only the name is needed.
  public init(
    name: String, project: String = "", id: Identity? = nil, firstStep: Int = 0,
    plannedSteps: Int? = nil, config: [String: String] = [:], attempt: Identity? = nil,
    rank: Int = 0, worldSize: Int = 1, framework: String = "swift"
  ) {
    self.name = name
    self.project = project
    self.id = id
    self.firstStep = firstStep
    self.plannedSteps = plannedSteps
    self.config = config
    self.attempt = attempt
    self.rank = rank
    self.worldSize = worldSize
    self.framework = framework
  }

  /// The version of this recorder, as it stands in the journal.
  package static let recorderVersion = "0.1.0"

  /// The head of every segment; secrets are redacted here.
  ///
  /// - Throws: ``RecorderError`` for a description that a journal cannot carry.
  package func opened(
    startedAt: Double, host: String, environment: (String) -> String?
  ) throws(RecorderError) -> RunOpened {
    if let problem {
      throw RecorderError(
        attempted: "open a run", subject: "\"\(name.prefix(64))\"", reason: problem,
        remedy: "change the RunDescription")
    }
    let stated = environment("RESNET_PROBE_RUN_ID") ?? ""
    let fromEnvironment = Identity(stated)
    if id == nil && !stated.isEmpty && fromEnvironment == nil {
      throw RecorderError(
        attempted: "open a run", subject: "\"\(name.prefix(64))\"",
        reason: "RESNET_PROBE_RUN_ID is no identity",
        remedy: "set it to 32 hexadecimal digits or unset it")
    }
    return RunOpened(
      run: id ?? fromEnvironment ?? .random(), attempt: attempt ?? .random(), name: name,
      project: project, startedAt: startedAt, firstStep: firstStep, rank: rank,
      worldSize: worldSize, plannedSteps: plannedSteps,
      recorder: "\(framework); recorder \(Self.recorderVersion)", host: host,
      config: Redaction.redacted(config))
  }

  /// Why no journal can carry this description; nil where one can.
  private var problem: String? {
    let limit = RunOpened.maximumTextLength
    if name.utf8.count > limit { return "its name is over \(limit) bytes" }
    if project.utf8.count > limit { return "its project is over \(limit) bytes" }
    if framework.utf8.count > limit / 2 { return "its framework is over \(limit / 2) bytes" }
    if !(0...Step.greatest).contains(firstStep) { return "its first step is \(firstStep)" }
    if let plannedSteps, !(0...Step.greatest).contains(plannedSteps) {
      return "its number of steps is \(plannedSteps)"
    }
    if !(1...1_048_576).contains(worldSize) || !(0..<worldSize).contains(rank) {
      return "it is rank \(rank) of \(worldSize)"
    }
    if config.count > RunOpened.maximumConfigEntries {
      return "its configuration has over 1,024 entries"
    }
    let written = Redaction.redacted(config)
    for (key, value) in written
    where key.utf8.count > limit || value.utf8.count > RunOpened.maximumConfigValueLength {
      return "its configuration has a key over \(limit) bytes or a value over 64 KiB"
    }
    let bytes = written.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
    if bytes > RunOpened.maximumConfigLength { return "its configuration is over 1 MiB" }
    return nil
  }
}

/// The range of step numbers.
enum Step {
  /// The greatest step: what a Double holds exactly.
  static let greatest = 1 << 53
}
