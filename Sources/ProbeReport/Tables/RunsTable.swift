public import ProbeCore

/// A list of runs for programs: one object a run, as `runs --json` and the daemon's `/v1/runs` give it.
public enum RunsTable {
  /// The list; `now`, in seconds since 1970, tells which runs are stale.
  public static func json(_ runs: [RunSummary], at now: Double) -> Table {
    let columns = [
      "id", "uuid", "name", "project", "status", "started_at", "last_seen_at", "attempts", "blocks",
      "frames", "first_step", "last_step", "planned_steps", "identity_blocks", "loss",
      "dropped_frames", "rejected_records", "recorder",
    ]
    func whole(_ value: Int?) -> Cell { value.map { .integer(Int64($0)) } ?? .null }
    return Table(
      columns: columns.map { Table.Column($0) },
      rows: runs.map { run in
        [
          whole(run.id), .text(run.uuid.description), .text(run.name), .text(run.project),
          .text(run.state(at: now).rawValue), .real(run.startedAt), .real(run.lastSeenAt),
          whole(run.attempts), whole(run.blocks), whole(run.frames), whole(run.firstStep),
          whole(run.lastStep), whole(run.plannedSteps), whole(run.identityBlocks),
          run.loss.map { .real($0) } ?? .null, whole(run.droppedFrames),
          whole(run.rejectedRecords), .text(run.recorder),
        ]
      })
  }
}
