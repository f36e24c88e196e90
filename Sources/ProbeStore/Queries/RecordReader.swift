import GRDB
import ProbeCore

/// Reads whole records of a run's blocks, attempts and ranks merged.
struct RecordReader {
  private let run: Int
  private let blocks: [(id: Int, block: Block)]
  private let places: [Int: Int]
  private let attempts: AttemptsInForce
  private let db: Database

  init(
    run: Int, blocks: [(id: Int, block: Block)], attempts: AttemptsInForce, _ db: Database
  ) {
    self.run = run
    self.blocks = blocks
    places = Dictionary(uniqueKeysWithValues: zip(blocks.map(\.id), blocks.indices))
    self.attempts = attempts
    self.db = db
  }

  /// What every block recorded at a step, in the order of the blocks; none where there is no step.
  func records(atStep step: Int?) throws -> [[BlockRecord]] {
    guard let step else { return blocks.map { _ in [] } }
    let all = StatisticsColumns.all
    return try records(in: step...step, all.names) { step, ordinal, row in
      BlockRecord(step: step, statistics: all.read(ordinal, from: &row))
    }
  }

  /// What every block recorded at the last measured steps of a window, with all statistics.
  func records(
    inLast count: Int, of window: ClosedRange<Int>?, steps: [StepSummary]
  ) throws -> [[BlockRecord]] {
    guard let window, let last = steps.last(where: { $0.step <= window.upperBound })?.step,
      let first = steps.suffix(count).first(where: { $0.step >= window.lowerBound })?.step,
      first <= last
    else { return blocks.map { _ in [] } }
    let all = StatisticsColumns.all
    return try records(in: first...last, all.names) { step, ordinal, row in
      BlockRecord(step: step, statistics: all.read(ordinal, from: &row))
    }
  }

  /// The records of each block in step order, in the order of the blocks, with the columns that
  /// `read` takes from a row, given the step and the block's ordinal.
  ///
  /// Lower ranks come first, so that merging keeps theirs of what all ranks hold.
  func records<Record: RankMerging>(
    in steps: ClosedRange<Int>, _ columns: [String],
    _ read: (Int, Int, inout StatementHandle) -> Record
  ) throws -> [[Record]] {
    var records: [[Record]] = blocks.map { _ in [] }
    let expected = try count(in: steps)
    for place in records.indices { records[place].reserveCapacity(expected) }
    for (attempt, range) in attempts.within(steps) {
      for rank in attempt.ranks {
        var statement = try StatementHandle(
          db,
          """
          SELECT step, block_id, \(columns.joined(separator: ", ")) FROM block_statistics
          WHERE run_id = ? AND attempt_id = ? AND rank = ? AND step BETWEEN ? AND ?
          ORDER BY step, block_id
          """)
        for value in [run, attempt.id, rank, range.lowerBound, range.upperBound] {
          statement.bind(value)
        }
        // Rows come in the order of the blocks: the next one's place is mostly the next place.
        var next = 0
        while try statement.nextRow() {
          let step = statement.nextInt()
          let block = statement.nextInt()
          if next == blocks.count { next = 0 }
          if !blocks.indices.contains(next) || blocks[next].id != block {
            guard let place = places[block] else { continue }
            next = place
          }
          records[next].add(read(step, blocks[next].block.ordinal, &statement))
          next += 1
        }
      }
    }
    return records
  }

  /// The measured steps in a range on the rank that has most of them: the records to expect.
  private func count(in steps: ClosedRange<Int>) throws -> Int {
    guard steps.lowerBound < steps.upperBound else { return 1 }
    return try attempts.within(steps).reduce(0) { sum, part in
      sum
        + (try part.attempt.ranks.compactMap { rank in
          var statement = try StatementHandle(
            db,
            """
            SELECT count(*) FROM frame
            WHERE run_id = ? AND attempt_id = ? AND rank = ? AND step BETWEEN ? AND ?
            """)
          for value in [
            run, part.attempt.id, rank, part.steps.lowerBound, part.steps.upperBound,
          ] {
            statement.bind(value)
          }
          return try statement.onlyInt()
        }.max() ?? 0)
    }
  }
}

/// What ranks say of a block at a step, to be put together.
protocol RankMerging {
  var step: Int { get }
  /// Takes in the record of the same step from a higher rank.
  mutating func merge(rank other: Self)
}

extension BlockRecord: RankMerging {
  mutating func merge(rank other: BlockRecord) { statistics.merge(rank: other.statistics) }
}

extension GapRecord: RankMerging {}

extension Array where Element: RankMerging {
  /// Adds a record in step order, or takes it into the one of its step, which is of a lower rank.
  fileprivate mutating func add(_ record: Element) {
    guard let last, last.step >= record.step else { return append(record) }
    var (low, high) = (startIndex, endIndex)
    while low < high {
      let middle = (low + high) / 2
      if self[middle].step < record.step { low = middle + 1 } else { high = middle }
    }
    if self[low].step == record.step {
      self[low].merge(rank: record)
    } else {
      insert(record, at: low)
    }
  }
}
