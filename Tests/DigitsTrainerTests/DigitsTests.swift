import DigitsTrainer
import Testing

@Suite struct DigitsTests {
  @Test func `the data file holds the 1797 samples with their known class counts`() {
    var counts = Array(repeating: 0, count: 10)
    for label in Digits.all.labels { counts[Int(label)] += 1 }
    #expect(Digits.all.count == 1797)
    #expect(Digits.all.pixels.count == 1797 * 64)
    #expect(counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
  }

  @Test func `the first image is the zero that scikit-learn shows`() {
    #expect(Digits.all.labels.prefix(12) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1])
    #expect(
      Array(Digits.all.pixels.prefix(64)) == [
        0, 0, 5, 13, 9, 1, 0, 0,
        0, 0, 13, 15, 10, 15, 5, 0,
        0, 3, 15, 2, 0, 11, 8, 0,
        0, 4, 12, 0, 0, 8, 8, 0,
        0, 5, 8, 0, 0, 9, 8, 0,
        0, 4, 11, 0, 1, 12, 7, 0,
        0, 2, 14, 5, 10, 12, 0, 0,
        0, 0, 6, 13, 10, 0, 0, 0,
      ])
  }

  /// The sum, the number of zeros and a sum weighted by place modulo 1009, as NumPy gives them.
  @Test func `all pixels are those of scikit-learn`() {
    let pixels = Digits.all.pixels
    #expect(pixels.max() == 16)
    #expect(pixels.reduce(0) { $0 + Int($1) } == 561_718)
    #expect(pixels.count { $0 == 0 } == 56_272)
    let weighted = pixels.enumerated().reduce(0) { $0 + ($1.offset % 1009) * Int($1.element) }
    #expect(weighted == 283_139_404)
    #expect(Digits.all.labels.last == 8)
  }

  @Test func `a packed sample is unpacked pixel by pixel`() {
    let packed: [UInt8] = [0b1000_0001, 0, 0, 0, 0, 0, 0, 0b10, 0xF7, 0x30]
    let digits = Digits(packed: packed)
    var image = [UInt8](repeating: 0, count: 64)
    (image[0], image[7], image[57]) = (16, 1, 4)
    #expect(digits.labels == [7])
    #expect(digits.pixels == image)
  }

  @Test func `the standard split parts the samples into 1297 and 500 that share none`() {
    let split = DigitsSplit.standard
    #expect(split.training.count == 1297)
    #expect(split.test.count == 500)
    func images(_ digits: Digits) -> [[UInt8]] {
      (0..<digits.count).map { place in
        [digits.labels[place]] + digits.pixels[place * 64..<(place + 1) * 64]
      }
    }
    func sorted(_ images: [[UInt8]]) -> [[UInt8]] {
      images.sorted { $0.lexicographicallyPrecedes($1) }
    }
    #expect(sorted(images(split.training) + images(split.test)) == sorted(images(Digits.all)))
    #expect(Set(split.test.labels).count == 10)
  }
}
