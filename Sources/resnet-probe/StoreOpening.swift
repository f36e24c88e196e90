import ProbeStore

/// Opens a store as its one writer.
enum StoreOpening {
  /// Lends the store to `body` while holding its lock; nil if another process held it for `seconds`.
  static func withWriter<Value>(
    _ path: String, makesFolder: Bool, waiting seconds: Int,
    _ body: (Store) throws(StoreError) -> Value
  ) throws(StoreError) -> Value? {
    if makesFolder { Folder.make(for: path) }
    // A path that can be no store shall say so, not fail at the lock beside it.
    try Store.checkForWriting(path)
    let lock = try StoreLock.lock("\(path).lock", waiting: seconds)
    guard case .held(let held) = consume lock else { return nil }
    defer { _ = held }
    return try body(try Store.openForWriting(at: path))
  }
}
