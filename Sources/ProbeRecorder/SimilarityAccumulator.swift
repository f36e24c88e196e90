internal import Glibc
public import ProbeCore

/// How alike the blocks of a network are over a probe set in eval mode, batch by batch.
///
/// Spans are of blocks of one stage, without projections and dense blocks; CKA is between all residual and
/// plain blocks, its samples being the rows. What is kept of a batch does not grow with the probe set.
public struct SimilarityAccumulator {
  private let blocks: [Block]
  private var pairs: [[Similarity]]
  private var outputs: MinibatchAlignment
  private var branches: MinibatchAlignment

  /// Of the blocks of a network, without any batch yet.
  public init(_ map: BlockMap) {
    blocks = map.blocks
    pairs = blocks.indices.map { first in
      (first..<map.blocks.count).map { Similarity(first: first, last: $0) }
    }
    outputs = MinibatchAlignment(count: blocks.count)
    branches = MinibatchAlignment(count: blocks.count)
  }

  /// Takes in what one batch left at each block, in the order of the blocks, all with as many samples.
  ///
  /// Blocks are residual or plain, and none has dropped samples. Complexity: O(blocks² · samples · width).
  public mutating func take(_ tensors: [BlockTensors]) {
    precondition(tensors.count == blocks.count, "the tensors of every block")
    guard let samples = tensors.first?.samples else { return }
    precondition(
      tensors.allSatisfy { $0.samples == samples && $0.dropped == 0 }, "the same samples at all")
    let streams = tensors.map { $0.stream.withValues { Array($0) } }
    let changed = zip(blocks, tensors).map { $1.changed(at: $0) }
    for first in blocks.indices {
      for last in first..<blocks.count {
        guard isSpan(first, last), streams[first].count == changed[last].output.count else { break }
        let width = tensors[first].streamWidth
        streams[first].withUnsafeBufferPointer { stream in
          changed[last].output.withUnsafeBufferPointer { output in
            guard let x = stream.baseAddress, let y = output.baseAddress else { return }
            for row in 0..<samples {
              pairs[first][last - first].add(
                Change.difference.sums(x + row * width, y + row * width, width: width))
            }
          }
        }
      }
    }
    Self.align(&outputs, changed.map(\.output), samples: samples)
    Self.align(&branches, changed.map(\.branch), samples: samples)
  }

  /// The pairs of blocks of which something is known, in a row for each earlier block.
  public var finished: [[Similarity]] {
    pairs.map { row in
      row.map { pair in
        var pair = pair
        pair.cka = outputs.alignment(pair.first, pair.last)
        pair.branchCKA = branches.alignment(pair.first, pair.last)
        return pair
      }.filter { $0.isSpan || $0.cka != nil || $0.branchCKA != nil }
    }.filter { !$0.isEmpty }
  }

  private func isSpan(_ first: Int, _ last: Int) -> Bool {
    blocks[last].canBeIdentity && blocks[last].stage == blocks[first].stage
  }

  private static func align(
    _ alignment: inout MinibatchAlignment, _ values: [[Float]], samples: Int
  ) {
    guard samples > 0 else { return }
    func lend(
      _ rest: ArraySlice<[Float]>, _ lent: [(rows: UnsafeBufferPointer<Float>, width: Int)]
    ) {
      guard let first = rest.first else { return alignment.take(lent, n: samples) }
      first.withUnsafeBufferPointer {
        lend(rest.dropFirst(), lent + [(rows: $0, width: first.count / samples)])
      }
    }
    lend(values[...], [])
  }
}

extension Similarity {
  /// Takes in one sample of the span; x is the stream before it, F what it adds.
  fileprivate mutating func add(_ sums: SampleSums) {
    guard sums.isFinite, let geometry = SampleGeometry(sums), geometry.gap.isFinite else { return }
    gapSamples += 1
    if geometry.gap > 0 { gapLogs.add(log(geometry.gap)) }
    if let angle = geometry.angle { angularDistance.add(angle) }
  }
}

extension BlockTensors {
  /// What the block returns, and what its branch adds; of a plain block F := y − x.
  fileprivate func changed(at block: Block) -> (output: [Float], branch: [Float]) {
    FloatBuffer.withValues([stream, branch, output, shortcut]) { buffers in
      let x = buffers[3] ?? buffers[0]!
      if let output = buffers[2] { return (Array(output), zip(output, x).map { $0 - $1 }) }
      let branch = buffers[1]!
      let isRectified = (activation ?? block.activation) == .relu
      return (
        zip(x, branch).map { isRectified ? max($0 + $1, 0) : $0 + $1 }, Array(branch)
      )
    }
  }
}
