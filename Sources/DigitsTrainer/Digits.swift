/// Handwritten digits, eight by eight pixels each.
///
/// The data are *Optical Recognition of Handwritten Digits*, E. Alpaydin and C. Kaynak 1998, UCI
/// Machine Learning Repository, licensed CC BY 4.0: the 1797 samples of its test part, in the order
/// in which scikit-learn ships them. They are compiled into the executable.
public struct Digits: Sendable, Hashable {
  /// The pixels of one image.
  public static let pixelCount = 64
  /// The classes: 0 to 9.
  public static let classCount = 10
  /// The greatest value of a pixel; the least is 0.
  public static let whitest: UInt8 = 16

  /// The images one after the other, each row by row.
  ///
  /// Shape: count × 64. Unit: 0 … 16.
  public let pixels: [UInt8]
  /// The digit that each image shows.
  ///
  /// Shape: count.
  public let labels: [UInt8]

  /// The number of images.
  public var count: Int { labels.count }

  /// All 1797 samples.
  public static let all = Digits(packed: PackageResources.digits_bin)

  /// Images with their labels; there must be 64 pixels for each label.
  package init(pixels: [UInt8], labels: [UInt8]) {
    precondition(pixels.count == labels.count * Self.pixelCount, "an image has 64 pixels")
    self.pixels = pixels
    self.labels = labels
  }

  /// The samples at these places, in this order.
  package func samples(at places: some Collection<Int>) -> Digits {
    Digits(
      pixels: places.flatMap { pixels[$0 * Self.pixelCount..<($0 + 1) * Self.pixelCount] },
      labels: places.map { labels[$0] })
  }
}

/// The digits in two parts that share no sample.
public struct DigitsSplit: Sendable, Hashable {
  /// What networks are fitted to.
  public let training: Digits
  /// What they never see in training.
  public let test: Digits

  /// Two parts as they are given.
  package init(training: Digits, test: Digits) {
    self.training = training
    self.test = test
  }

  /// 1297 samples to train on and 500 to test, drawn once: the same in every run.
  public static let standard: DigitsSplit = {
    var generator = SplitMix64(seed: 0)
    let order = generator.permutation(of: Digits.all.count)
    return DigitsSplit(
      training: Digits.all.samples(at: order.dropLast(500)),
      test: Digits.all.samples(at: order.suffix(500)))
  }()
}
