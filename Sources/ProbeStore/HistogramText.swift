import ProbeCore

/// A gap histogram as the store keeps it: a JSON object of slot and count, slots ascending.
enum HistogramText {
  /// Writes a histogram and hands its text over, nil for an empty one; it is gone afterwards.
  ///
  /// Digit by digit: strings and their joining took an eighth of a row's time.
  static func write(_ histogram: GapHistogram, then use: (UnsafeBufferPointer<UInt8>?) -> Void) {
    guard !histogram.isEmpty else { return use(nil) }
    // A slot has at most 3 digits, a count 16; quotes, colon and comma are 4 more.
    let room = histogram.entries.count * 24 + 1
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: room) { text in
      var length = 0
      func append(_ byte: UInt8) {
        text[length] = byte
        length += 1
      }
      func append(_ number: Int) {
        var power = 1
        while number / power >= 10 { power *= 10 }
        while power > 0 {
          append(0x30 + UInt8(number / power % 10))
          power /= 10
        }
      }
      for entry in histogram.entries {
        append(UInt8(ascii: length == 0 ? "{" : ","))
        append(UInt8(ascii: "\""))
        append(entry.slot)
        append(UInt8(ascii: "\""))
        append(UInt8(ascii: ":"))
        append(entry.samples)
      }
      append(UInt8(ascii: "}"))
      use(UnsafeBufferPointer(rebasing: text[..<length]))
    }
  }

  /// Reads what ``write(_:)`` wrote; of anything else, what looks like it.
  ///
  /// Numbers alternate: slot, count.
  static func read(_ text: UnsafeBufferPointer<UInt8>) -> GapHistogram {
    var histogram = GapHistogram()
    // A slot and its count take about eight bytes.
    histogram.reserve(slots: text.count / 8)
    var slot: Int?
    var number: Int?
    func finish() {
      guard let found = number else { return }
      if let place = slot {
        if (0..<GapHistogram.slotCount).contains(place) { histogram.count(found, inSlot: place) }
        slot = nil
      } else {
        slot = found
      }
      number = nil
    }
    for byte in text {
      if (0x30...0x39).contains(byte) {
        // A count beyond 2⁴⁰ is nonsense: stop growing instead of overflowing.
        number = min((number ?? 0) * 10 + Int(byte - 0x30), 1 << 40)
      } else {
        finish()
      }
    }
    finish()
    return histogram
  }
}
