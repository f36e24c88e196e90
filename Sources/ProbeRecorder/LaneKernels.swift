/// Eight float32 lanes.
typealias Lanes = SIMD8<Float>

/// Sums of products in eight lanes: what one kernel does with each group of eight elements.
protocol LaneSums {
  /// Sums of nothing.
  init()
  /// Takes in eight elements of three buffers; eight zeros must add nothing.
  mutating func add(_ first: Lanes, _ second: Lanes, _ third: Lanes)
  /// The lanes added up, in Double.
  var folded: SampleSums { get }
}

/// The number of groups of eight after which float32 lanes are folded into Double: 1,024 elements.
private let groupsPerFold = 128

/// Runs a kernel over three buffers of `count` elements in one pass.
///
/// Lanes are folded into Double every 1,024 elements, so that the relative error stays near 1e-7
/// whatever the width. A kernel that ignores a buffer does not load it: pass any of the others.
@inline(__always)
func reduce<Kernel: LaneSums>(
  _: Kernel.Type, _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>,
  _ third: UnsafePointer<Float>, count: Int
) -> SampleSums {
  var sums = SampleSums()
  let (u, v, w) = (
    UnsafeRawPointer(first), UnsafeRawPointer(second), UnsafeRawPointer(third)
  )
  let groups = count / 8
  var group = 0
  while group < groups {
    let end = min(group + groupsPerFold, groups)
    var lanes = Kernel()
    while group < end {
      let offset = group &* 32
      lanes.add(
        u.loadUnaligned(fromByteOffset: offset, as: Lanes.self),
        v.loadUnaligned(fromByteOffset: offset, as: Lanes.self),
        w.loadUnaligned(fromByteOffset: offset, as: Lanes.self))
      group &+= 1
    }
    sums += lanes.folded
  }
  if groups * 8 < count {
    var lanes = Kernel()
    lanes.add(
      rest(first, from: groups * 8, count: count), rest(second, from: groups * 8, count: count),
      rest(third, from: groups * 8, count: count))
    sums += lanes.folded
  }
  return sums
}

/// The last elements of a buffer, filled up with zeros.
func rest(_ buffer: UnsafePointer<Float>, from start: Int, count: Int) -> Lanes {
  var lanes = Lanes()
  for place in start..<count { lanes[place - start] = buffer[place] }
  return lanes
}

/// The sum of eight lanes, in Double.
func total(_ lanes: Lanes) -> Double { SIMD8<Double>(lanes).sum() }

/// a, b, c of a stream and its branch.
struct AddedLanes: LaneSums {
  private var a = Lanes()
  private var b = Lanes()
  private var c = Lanes()

  init() {}

  @inline(__always)
  mutating func add(_ x: Lanes, _ branch: Lanes, _: Lanes) {
    a += x * x
    b += branch * branch
    c += x * branch
  }

  var folded: SampleSums { SampleSums(a: total(a), b: total(b), c: total(c), r: 0, q: 0) }
}

/// All five sums of a stream and its branch where a ReLU follows the add: y − x = max(F, −x).
struct RectifiedLanes: LaneSums {
  private var a = Lanes()
  private var b = Lanes()
  private var c = Lanes()
  private var r = Lanes()
  private var q = Lanes()

  init() {}

  @inline(__always)
  mutating func add(_ x: Lanes, _ branch: Lanes, _: Lanes) {
    let erased = -x
    let change = erased.replacing(with: branch, where: branch .> erased)
    a += x * x
    b += branch * branch
    c += x * branch
    r += x * change
    q += change * change
  }

  var folded: SampleSums {
    SampleSums(a: total(a), b: total(b), c: total(c), r: total(r), q: total(q))
  }
}

/// a, b, c of a plain block's input and output: F := y − x.
struct ReplacedLanes: LaneSums {
  private var a = Lanes()
  private var b = Lanes()
  private var c = Lanes()

  init() {}

  @inline(__always)
  mutating func add(_ x: Lanes, _ output: Lanes, _: Lanes) {
    let branch = output - x
    a += x * x
    b += branch * branch
    c += x * branch
  }

  var folded: SampleSums { SampleSums(a: total(a), b: total(b), c: total(c), r: 0, q: 0) }
}

/// a of one buffer.
struct SquareLanes: LaneSums {
  private var a = Lanes()

  init() {}

  @inline(__always)
  mutating func add(_ values: Lanes, _: Lanes, _: Lanes) { a += values * values }

  var folded: SampleSums { SampleSums(a: total(a), b: 0, c: 0, r: 0, q: 0) }
}
