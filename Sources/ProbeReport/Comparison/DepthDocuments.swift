internal import ProbeAnalysis
internal import ProbeCore

/// What depth did among runs of one family that are alike otherwise.
public struct CohortDocument: Encodable, Sendable {
  /// `family`: `plain`, `residual`, `concat` or `mixed`.
  public let family: String
  /// `depths`: the depths in rising order.
  public let depths: [DepthPointDocument]
  /// `steps`: the depths from the second on, each held against the best one before it.
  public let steps: [DepthStepDocument]

  init(_ cohort: DepthCohort, _ comparison: Comparison) {
    family = cohort.family.rawValue
    depths = cohort.points.map { DepthPointDocument($0, comparison) }
    steps = cohort.steps.map { step in
      DepthStepDocument(
        from: step.shallower.depth, to: step.deeper.depth, effect: step.effect.rawValue,
        factor: OrNull(finite: step.factor))
    }
  }
}

/// The runs of one depth.
public struct DepthPointDocument: Encodable, Sendable {
  /// `blocks`: the depth.
  public let blocks: Int
  /// `runs`: the numbers of the runs.
  public let runs: [Int]
  /// `loss`: the level of their training loss together.
  public let loss: LossDocument

  init(_ point: DepthCohort.Point, _ comparison: Comparison) {
    blocks = point.depth
    runs = point.runs.map { comparison.runs[$0].run.id }
    loss = LossDocument(point.level)
  }
}

/// What more depth did.
public struct DepthStepDocument: Encodable, Sendable {
  /// `from`: the lesser number of blocks.
  public let from: Int
  /// `to`: the greater number of blocks.
  public let to: Int
  /// `effect`: `worse`, `better`, `alike` or `undecided`.
  public let effect: String
  /// `factor`: the deeper level over the shallower; null where a loss is not above zero.
  public let factor: OrNull<Double>
}

/// The blocks of the runs beside each other.
public struct AlignmentDocument: Encodable, Sendable {
  /// `form`: `blocks`, `stages` or `depth`.
  public let form: String
  /// `rows`: the parts in network order.
  public let rows: [AlignmentRowDocument]

  init(_ alignment: DepthAlignment, _ comparison: Comparison) {
    form = alignment.form.rawValue
    rows = alignment.rows.map { row in
      AlignmentRowDocument(
        stage: OrNull(row.stage), start: row.span.lowerBound, end: row.span.upperBound,
        cells: zip(row.cells, comparison.runs).map { cell, run in
          AlignmentCellDocument(
            run: run.run.id, blocks: cell.blocks.map { run.blocks[$0].name },
            gap: OrNull(finite: cell.gap), ratio: OrNull(finite: cell.ratio))
        })
    }
  }
}

/// A part of the depth.
public struct AlignmentRowDocument: Encodable, Sendable {
  /// `stage`: the stage, from 0 in network order; null where stages are not told apart.
  public let stage: OrNull<Int>
  /// `start`: where it begins within the stage or the whole, 0 … 1.
  public let start: Double
  /// `end`: where it ends.
  public let end: Double
  /// `cells`: what each run has there, in the order of the runs.
  public let cells: [AlignmentCellDocument]
}

/// What a run has in a part of the depth.
public struct AlignmentCellDocument: Encodable, Sendable {
  /// `run`: the number of the run.
  public let run: Int
  /// `blocks`: the names of its blocks, exactly.
  public let blocks: [String]
  /// `gap`: the median over them of the gap now.
  public let gap: OrNull<Double>
  /// `ratio`: the median over them of the ratio now.
  public let ratio: OrNull<Double>
}
