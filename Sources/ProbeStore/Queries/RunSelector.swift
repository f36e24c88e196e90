import GRDB
public import ProbeCore

/// How a user names a run: `latest`, its number, its uuid or its name, tried in this order.
public struct RunSelector: Sendable, Hashable {
  /// What the user wrote.
  public var text: String

  /// A selector from what the user wrote.
  public init(_ text: String) { self.text = text }
}

/// A run that was selected.
public struct SelectedRun: Sendable, Hashable {
  /// The run.
  public var run: RunSummary
  /// How many other runs share the name it was selected by; 0 if it was not by name.
  public var others: Int
}

extension Store {
  /// The run that a selector means.
  ///
  /// `latest` is the greatest start time; a name held by several runs means the newest of them.
  ///
  /// - Throws: ``StoreError`` of kind ``StoreError/Kind/notFound`` where no run matches.
  public func select(_ selector: RunSelector) throws(StoreError) -> SelectedRun {
    let text = selector.text
    let ids = try read("find the run in") { db in
      if text == "latest" {
        return try Int.fetchAll(
          db, sql: "SELECT id FROM run ORDER BY started_at DESC, id DESC LIMIT 1")
      }
      if let number = Int(text) {
        let ids = try Int.fetchAll(db, sql: "SELECT id FROM run WHERE id = ?", arguments: [number])
        if !ids.isEmpty { return ids }
      }
      if let uuid = Identity(text) {
        let ids = try Int.fetchAll(
          db, sql: "SELECT id FROM run WHERE uuid = ?", arguments: [uuid.description])
        if !ids.isEmpty { return ids }
      }
      return try Int.fetchAll(
        db, sql: "SELECT id FROM run WHERE name = ? ORDER BY started_at DESC, id DESC",
        arguments: [text])
    }
    guard let id = ids.first, let run = try run(id) else {
      let isEmpty = text == "latest"
      throw StoreError(
        .notFound, action: "find run", subject: text,
        reason: isEmpty
          ? "the store \(path) has no runs" : "no run of \(path) has this number, uuid or name",
        hint: isEmpty
          ? "`resnet-probe demo` records some" : "`resnet-probe runs` lists them")
    }
    return SelectedRun(run: run, others: ids.count - 1)
  }
}
