import GRDB
import ProbeCore

/// Orders that blocks are removed in, as rows of `removal_order`.
enum RemovalOrderRows {
  /// Writes a stretch of an order; of a place that is taken, and of a block that has one, the first stands.
  static func insert(
    _ order: RemovalOrder, of examination: Int, _ blockIDs: [Int], _ db: Database
  ) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO removal_order (examination_id, strategy, number, place, block_id)
        VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING
        """)
    for (offset, ordinal) in order.ordinals.enumerated() {
      try statement.execute(arguments: [
        examination, order.strategy.rawValue, order.number, order.place + offset, blockIDs[ordinal],
      ])
    }
  }

  /// The whole orders of an examination, each up to the first place that is not known.
  static func fetch(examination: Int, _ db: Database) throws -> [RemovalOrder] {
    var orders: [RemovalOrder] = []
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT o.strategy, o.number, o.place, b.ordinal
        FROM removal_order AS o JOIN block AS b ON b.id = o.block_id
        WHERE o.examination_id = ? ORDER BY o.strategy, o.number, o.place
        """, arguments: [examination])
    while let row = try rows.next() {
      guard let strategy = RemovalOrder.Strategy(rawValue: row[0]) else { continue }
      let (number, place) = (row[1] as Int, row[2] as Int)
      if place == 0 {
        orders.append(RemovalOrder(strategy: strategy, number: number, ordinals: [row[3]]))
      } else if let order = orders.last, order.strategy == strategy, order.number == number,
        order.ordinals.count == place
      {
        orders[orders.count - 1].ordinals.append(row[3])
      }
    }
    return orders
  }
}
