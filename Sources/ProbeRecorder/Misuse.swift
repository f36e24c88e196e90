package import ProbeCore

/// A call that the recorder could not follow; it is counted and warned of, never trapped on.
package enum Misuse: Sendable, Hashable {
  /// A block that the map does not have.
  case unknownBlock
  /// Buffers whose counts are not samples × width, or that the block's kind does not take.
  case tensors(String)
  /// A loss scale that is not a finite number above zero.
  case lossScale
  /// A measurement or an end outside a step.
  case outsideStep
  /// A step that does not come after the one before, or lies before the attempt's first step.
  case stepOrder
  /// A step that began before the one before had ended.
  case stepNotEnded
  /// A metric's key that is empty or over 256 bytes, or more metrics than a record carries.
  case metric
  /// Weights after an update whose counts differ from those before, or that had none before.
  case update
  /// A call after the end.
  case finished

  /// One line for people: what was passed over and what to do.
  package var message: String {
    switch self {
    case .unknownBlock:
      "a measurement names a block outside the block map and was passed over; ordinals count from 0"
    case .tensors(let problem):
      "a measurement was passed over: \(problem)"
    case .lossScale:
      "a loss scale is not a finite number above zero; gradients of that call were passed over"
    case .outsideStep:
      "a call came outside a step and was passed over; call begin(step:) before and end(…) after each step"
    case .stepOrder:
      "a step does not come after the one before and was passed over; steps count upwards from firstStep"
    case .stepNotEnded:
      "a step began before the one before had ended, whose frame was dropped; call end(…) once a step"
    case .metric:
      "a metric was passed over; a key takes 1 to 256 bytes and a step 4,096 metrics"
    case .update:
      "an update was passed over; give measure(updateOf:) the same weights as measure(parametersOf:) in the same step"
    case .finished:
      "a call came after finish(…) and was passed over"
    }
  }
}

extension BlockTensors {
  /// Why these tensors cannot be measured at a block; nil where they can.
  package func problem(at block: Block) -> Misuse? {
    guard samples >= 0, dropped >= 0, width > 0, streamWidth > 0 else {
      return .tensors("samples and dropped must be 0 or more, widths 1 or more")
    }
    if block.kind == .plain {
      if output == nil { return .tensors("a plain block takes stream and output") }
    } else if branch == nil {
      return .tensors("a residual or dense block takes stream and branch")
    }
    let projects = block.kind == .residual && block.shortcut == .projection
    if projects && shortcut == nil { return .tensors("a projection block takes its shortcut") }
    if block.canBeIdentity && width != streamWidth {
      return .tensors("stream and branch have one width where the shortcut is the stream itself")
    }
    let buffers = [
      (stream, streamWidth), (branch, width), (output, width), (shortcut, width),
      (outputGradient, width), (streamGradient, streamWidth),
    ]
    for case (let buffer?, let width) in buffers {
      let (count, overflow) = samples.multipliedReportingOverflow(by: width)
      guard !overflow, buffer.count == count else {
        return .tensors("a buffer does not hold samples × width values")
      }
    }
    return nil
  }
}
