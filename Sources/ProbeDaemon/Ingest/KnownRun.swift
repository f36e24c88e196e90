import ProbeAnalysis
import ProbeCore
import ProbeStore

/// A run's measured steps and the records of its verdict window, as they were read last, and brought up
/// to the store by reading what is new.
struct KnownRun: Sendable {
  /// The measured steps in order.
  private(set) var steps: [StepSummary]
  /// The blocks with the window's records.
  private(set) var blocks: [GapEvidence] = []
  /// The steps that the records are of; nil: none.
  private var range: ClosedRange<Int>?

  /// The records that are held.
  var records: Int { blocks.reduce(0) { $0 + $1.records.count } }

  /// A run as it is in a store.
  init(_ run: Int, in store: Store) throws(StoreError) { steps = try store.steps(ofRun: run) }

  /// Puts the steps that changed in the place of what was known of them.
  mutating func renew(
    _ run: Int, changed: ClosedRange<Int>, in store: Store
  ) throws(StoreError) {
    let new = try store.steps(ofRun: run, in: changed)
    let start = steps.place(before: changed.lowerBound) { $0.step }
    let end = steps.place(after: changed.upperBound) { $0.step }
    steps.replaceSubrange(start..<end, with: new)
    guard let range, changed.overlaps(range) else { return }
    // From the first changed record on the window is read again; mostly there is none after it.
    self.range =
      changed.lowerBound > range.lowerBound ? range.lowerBound...(changed.lowerBound - 1) : nil
    for block in blocks.indices {
      let end = blocks[block].records.place(before: changed.lowerBound) { $0.step }
      blocks[block].records.removeSubrange(end...)
    }
  }

  /// Moves the records on to a window.
  mutating func move(
    _ run: Int, to window: VerdictWindow?, in store: Store
  ) throws(StoreError) {
    let wanted = window.map { $0.firstStep...$0.lastStep }
    let first = steps.first?.step
    guard let wanted, let range, range.contains(wanted.lowerBound),
      range.upperBound <= wanted.upperBound
    else {
      blocks = try store.evidence(ofRun: run, firstStep: first, in: wanted)
      range = wanted
      return
    }
    let missing =
      range.upperBound < wanted.upperBound ? (range.upperBound + 1)...wanted.upperBound : nil
    let new = try store.evidence(ofRun: run, firstStep: first, in: missing)
    guard new.count == blocks.count else {
      blocks = try store.evidence(ofRun: run, firstStep: first, in: wanted)
      self.range = wanted
      return
    }
    for place in blocks.indices {
      let start = blocks[place].records.place(before: wanted.lowerBound) { $0.step }
      blocks[place].records.removeSubrange(..<start)
      blocks[place].records += new[place].records
      blocks[place].firstStep = new[place].firstStep
    }
    self.range = wanted
  }

  /// Lets go of the records.
  mutating func forgetRecords() { (blocks, range) = ([], nil) }
}

extension Array {
  /// The place of the first element whose step is not before another's, of elements in step order.
  fileprivate func place(before step: Int, _ stepOf: (Element) -> Int) -> Int {
    var (low, high) = (startIndex, endIndex)
    while low < high {
      let middle = (low + high) / 2
      if stepOf(self[middle]) < step { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The place of the first element whose step is after another's.
  fileprivate func place(after step: Int, _ stepOf: (Element) -> Int) -> Int {
    step == .max ? endIndex : place(before: step + 1, stepOf)
  }
}
