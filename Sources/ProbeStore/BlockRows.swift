import GRDB
import ProbeCore

/// A run's blocks as rows of `block`.
enum BlockRows {
  /// Writes a block map; returns the rows' ids by ordinal.
  static func insert(_ map: BlockMap, run: Int, _ db: Database) throws -> [Int] {
    try map.blocks.map { block in
      try db.execute(
        sql: """
          INSERT INTO block (run_id, ordinal, name, kind, shortcut, stage, sample_axis, activation,
            shape, parameters, macs, gate, drop_probability)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          run, block.ordinal, block.name, block.kind.rawValue, block.shortcut.rawValue, block.stage,
          block.sampleAxis.rawValue, block.activation.rawValue,
          "[\(block.shape.map(String.init).joined(separator: ","))]", block.parameters, block.macs,
          block.gate, block.dropProbability,
        ])
      return Int(db.lastInsertedRowID)
    }
  }

  /// The blocks in order, each with its row's id.
  static func fetch(run: Int, _ db: Database) throws -> [(id: Int, block: Block)] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT id, ordinal, name, kind, shortcut, stage, sample_axis, activation, shape, parameters,
          macs, gate, drop_probability
        FROM block WHERE run_id = ? ORDER BY ordinal
        """, arguments: [run]
    ).map { row in
      let shape: String = row[8]
      return (
        row[0],
        Block(
          ordinal: row[1], name: row[2], kind: Block.Kind(rawValue: row[3]) ?? .residual,
          shortcut: Block.Shortcut(rawValue: row[4]) ?? .identity, stage: row[5],
          sampleAxis: Block.SampleAxis(rawValue: row[6]) ?? .row,
          activation: Block.Activation(rawValue: row[7]) ?? .identity,
          shape: shape.split { !$0.isNumber }.compactMap { Int($0) },
          parameters: row[9], macs: row[10], gate: row[11], dropProbability: row[12])
      )
    }
  }
}
