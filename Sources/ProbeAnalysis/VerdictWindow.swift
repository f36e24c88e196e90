public import ProbeCore

/// The stretch of a run's end that verdicts look at (the window of Verdicts.md).
///
/// The last max(20, records in the last 20 % of steps) measured steps, none before the end of
/// warm-up or the last phase change. It follows from the run's measured steps alone: the steps
/// still planned do not move it.
public struct VerdictWindow: Sendable, Hashable {
  /// The first step of the window.
  public let firstStep: Int
  /// The last step of the window: the newest one measured.
  public let lastStep: Int
  /// The measured steps in the window; a block that fired less often has fewer records.
  public let records: Int
  /// Where warm-up ended.
  public let warmUp: WarmUp
  /// The step of the last phase change after warm-up, where there was one.
  public let phaseChange: Int?

  /// Decides the window of a run from its measured steps, in rising order; nil for no steps.
  ///
  /// The last 20 % of steps are those beyond last − 0.2·(last − first). Complexity: O(steps).
  public init?(steps: [StepSummary], settings: VerdictSettings) {
    guard let first = steps.first, let last = steps.last, let warmUp = WarmUp(steps) else {
      return nil
    }
    let edge = Double(last.step) - settings.windowShare * Double(last.step - first.step)
    let recent = steps.count { Double($0.step) > edge }
    let phaseChange = PhaseChange.steps(in: steps).last { $0 > warmUp.end }
    let earliest = max(warmUp.end, phaseChange ?? warmUp.end)
    let window = steps.suffix(max(settings.minimumRecords, recent, 1))
      .drop { $0.step < earliest }
    firstStep = window.first?.step ?? last.step
    lastStep = last.step
    records = window.count
    self.warmUp = warmUp
    self.phaseChange = phaseChange
  }

  /// Whether an examination speaks of the network that the window does: not one that came before it.
  ///
  /// Training goes on after an examination: what a block cost then is not what it costs now.
  public func covers(_ examination: Examination) -> Bool { examination.step >= firstStep }

  /// The records that lie in the window, of records in step order.
  public func records(of block: BlockHistory) -> [BlockRecord] {
    // A history is read for its window: mostly all of its records lie there, and no copy is due.
    guard let first = block.window.first, let last = block.window.last,
      first.step < firstStep || last.step > lastStep
    else { return block.window }
    return block.window.filter { (firstStep...lastStep).contains($0.step) }
  }
}
