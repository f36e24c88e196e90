/// How many elements of a sample have F ≠ 0, and for how many of these x + F == x in float32.
///
/// The share of the second in the first is the absorbed fraction: identity by rounding.
package func absorbed(
  stream: UnsafePointer<Float>, branch: UnsafePointer<Float>, width: Int
) -> (nonzero: Int, absorbed: Int) {
  let x = UnsafeRawPointer(stream)
  let f = UnsafeRawPointer(branch)
  let one = SIMD8<Int32>(repeating: 1)
  let groups = width / 8
  var nonzero = 0
  var absorbed = 0
  var group = 0
  // A lane counts at most once a group: 2¹⁶ groups stay far from the end of Int32.
  while group < groups {
    let end = min(group + 65_536, groups)
    var nonzeroLanes = SIMD8<Int32>()
    var sameLanes = SIMD8<Int32>()
    while group < end {
      let stream = x.loadUnaligned(fromByteOffset: group &* 32, as: Lanes.self)
      let branch = f.loadUnaligned(fromByteOffset: group &* 32, as: Lanes.self)
      let isNonzero = branch .!= Lanes()
      let isSame = (stream + branch) .== stream
      nonzeroLanes &+= SIMD8<Int32>().replacing(with: one, where: isNonzero)
      sameLanes &+= SIMD8<Int32>().replacing(with: one, where: isNonzero .& isSame)
      group &+= 1
    }
    nonzero += Int(nonzeroLanes.wrappedSum())
    absorbed += Int(sameLanes.wrappedSum())
  }
  for place in groups * 8..<width where branch[place] != 0 {
    nonzero += 1
    if stream[place] + branch[place] == stream[place] { absorbed += 1 }
  }
  return (nonzero, absorbed)
}
