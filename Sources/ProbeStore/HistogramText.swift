import ProbeCore

/// A gap histogram as the store keeps it: a JSON object of slot and count, slots ascending.
enum HistogramText {
  /// Writes a histogram and hands its text over, nil for an empty one; it is gone afterwards.
  ///
  /// Digit by digit: strings and their joining took 8 % of an intake's time.
  static func write(_ histogram: GapHistogram, then use: (UnsafeBufferPointer<UInt8>?) -> Void) {
    guard !histogram.isEmpty else { return use(nil) }
    // A slot has at most 3 digits, a count 16; quotes, colon and comma are 4 more.
    let room = histogram.entries.count * 24 + 2
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: room) { text in
      // From the last digit to the first.
      var start = room
      func prepend(_ byte: UInt8) {
        start -= 1
        text[start] = byte
      }
      func prepend(_ number: Int) {
        var rest = UInt(number)
        repeat {
          prepend(0x30 + UInt8(rest % 10))
          rest /= 10
        } while rest > 0
      }
      prepend(UInt8(ascii: "}"))
      for entry in histogram.entries.reversed() {
        if start < room - 1 { prepend(UInt8(ascii: ",")) }
        prepend(entry.samples)
        prepend(UInt8(ascii: ":"))
        prepend(UInt8(ascii: "\""))
        prepend(entry.slot)
        prepend(UInt8(ascii: "\""))
      }
      prepend(UInt8(ascii: "{"))
      use(UnsafeBufferPointer(rebasing: text[start...]))
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
