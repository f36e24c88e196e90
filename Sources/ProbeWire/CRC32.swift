/// The cyclic redundancy check of zlib, PNG and Ethernet: polynomial 0xEDB88320, reflected.
///
/// Slicing by 8 (Kounavis and Berry 2005): eight bytes a step through eight tables.
package enum CRC32 {
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
      tables[byte] = value
    }
    for byte in 0..<256 {
      for slice in 1..<8 {
        let below = tables[(slice - 1) * 256 + byte]
        tables[slice * 256 + byte] = below >> 8 ^ tables[Int(below & 0xFF)]
      }
    }
    return tables
  }()

  /// The checksum of bytes; `previous` continues one over bytes that came before.
  package static func checksum(_ bytes: UnsafeRawBufferPointer, previous: UInt32 = 0) -> UInt32 {
    tables.withUnsafeBufferPointer { table in
      var crc = ~previous
      var at = 0
      while at + 8 <= bytes.count {
        let low = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
        let high = UInt32(
          littleEndian: bytes.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self))
        let mixed = crc ^ low
        crc =
          table[7 * 256 + Int(mixed & 0xFF)] ^ table[6 * 256 + Int(mixed >> 8 & 0xFF)]
          ^ table[5 * 256 + Int(mixed >> 16 & 0xFF)] ^ table[4 * 256 + Int(mixed >> 24)]
        crc ^=
          table[3 * 256 + Int(high & 0xFF)] ^ table[2 * 256 + Int(high >> 8 & 0xFF)]
          ^ table[256 + Int(high >> 16 & 0xFF)] ^ table[Int(high >> 24)]
        at += 8
      }
      while at < bytes.count {
        crc = crc >> 8 ^ table[Int((crc ^ UInt32(bytes[at])) & 0xFF)]
        at += 1
      }
      return ~crc
    }
  }
}
