import FoundationEssentials
import ProbeCore
import SwiftProtobuf

extension ResnetProbe_V1_RunOpened {
  init(_ value: RunOpened, in segment: SegmentIdentity) {
    self.init()
    journalID = Data(segment.journal.bytes)
    self.segment = UInt32(segment.segment)
    runID = Data(value.run.bytes)
    attemptID = Data(value.attempt.bytes)
    name = value.name
    project = value.project
    startedAt = value.startedAt
    firstStep = UInt64(value.firstStep)
    rank = UInt32(value.rank)
    worldSize = UInt32(value.worldSize)
    if let steps = value.plannedSteps { plannedSteps = UInt64(steps) }
    recorder = value.recorder
    host = value.host
    config = value.config.sorted { $0.key < $1.key }.map { entry in
      var message = ResnetProbe_V1_ConfigEntry()
      message.key = entry.key
      message.value = entry.value
      return message
    }
  }

  func value(in segment: SegmentIdentity) throws(WireError) -> RunOpened {
    guard let journal = Identity(bytes: journalID), let run = Identity(bytes: runID),
      let attempt = Identity(bytes: attemptID)
    else { throw .impossible("an identity that has not 16 bytes") }
    let stated = SegmentIdentity(journal: journal, segment: Int(self.segment))
    guard stated == segment else { throw .foreignSegment(stated: stated) }
    guard (1...1_048_576).contains(worldSize), rank < worldSize else {
      throw .impossible("rank \(rank) of \(worldSize)")
    }
    let limit = RunOpened.maximumTextLength
    let bytes = config.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
    guard bytes <= RunOpened.maximumConfigLength else {
      throw .impossible(
        "a configuration of \(bytes) bytes (\(RunOpened.maximumConfigLength) are allowed)")
    }
    var entries: [String: String] = [:]
    for entry in config {
      entries[try RecordCodec.text(entry.key, "configuration key", limit: limit)] =
        try RecordCodec.text(
          entry.value, "configuration value", limit: RunOpened.maximumConfigValueLength)
    }
    return RunOpened(
      run: run, attempt: attempt,
      name: try RecordCodec.text(name, "run name", limit: limit),
      project: try RecordCodec.text(project, "project", limit: limit),
      startedAt: try RecordCodec.time(startedAt, "start time"),
      firstStep: try RecordCodec.count(firstStep, "first step"),
      rank: Int(rank), worldSize: Int(worldSize),
      plannedSteps: hasPlannedSteps ? try RecordCodec.count(plannedSteps, "number of steps") : nil,
      recorder: try RecordCodec.text(recorder, "recorder", limit: limit),
      host: try RecordCodec.text(host, "host", limit: limit),
      config: entries)
  }
}

extension ResnetProbe_V1_AttemptFinished {
  init(_ value: AttemptFinished) {
    self.init()
    status = value.status == .completed ? .completed : .failed
    finishedAt = value.finishedAt
    lastStep = UInt64(value.lastStep)
    droppedFrames = UInt64(value.droppedFrames)
  }

  func value() throws(WireError) -> AttemptFinished {
    let status: AttemptFinished.Status
    switch self.status {
    case .completed: status = .completed
    case .failed: status = .failed
    case .UNRECOGNIZED(let raw): throw .impossible("an end of kind \(raw)")
    }
    return AttemptFinished(
      status: status, finishedAt: try RecordCodec.time(finishedAt, "end time"),
      lastStep: try RecordCodec.count(lastStep, "last step"),
      droppedFrames: try RecordCodec.samples(droppedFrames, "number of dropped frames"))
  }
}
