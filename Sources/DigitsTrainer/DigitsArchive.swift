extension Digits {
  /// Unpacks the samples of `Data/digits.bin`, which is trusted: it is compiled in.
  ///
  /// One sample is eight bytes that say which pixels are above zero (a byte a row, the least
  /// significant bit the left column), then nibbles, the low one of a byte first: the label, and
  /// each pixel above zero less one. A last half byte is zero. `make_digits.py` writes it.
  package init(packed bytes: [UInt8]) {
    var pixels: [UInt8] = []
    var labels: [UInt8] = []
    var start = 0
    while start < bytes.count {
      let mask = bytes[start..<start + 8]
      start += 8
      var nibble = 0
      func nextNibble() -> UInt8 {
        let byte = bytes[start + nibble / 2]
        defer { nibble += 1 }
        return nibble.isMultiple(of: 2) ? byte & 15 : byte >> 4
      }
      labels.append(nextNibble())
      for row in mask {
        for column in 0..<8 { pixels.append(row >> column & 1 == 1 ? nextNibble() + 1 : 0) }
      }
      start += (nibble + 1) / 2
    }
    self.init(pixels: pixels, labels: labels)
  }
}
