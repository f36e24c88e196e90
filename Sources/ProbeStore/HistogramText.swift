import ProbeCore

/// A gap histogram as the store keeps it: a JSON object of slot and count, slots ascending.
enum HistogramText {
  /// Nil for an empty histogram.
  static func write(_ histogram: GapHistogram) -> String? {
    guard !histogram.isEmpty else { return nil }
    let pairs = histogram.entries.map { "\"\($0.slot)\":\($0.samples)" }
    return "{\(pairs.joined(separator: ","))}"
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
