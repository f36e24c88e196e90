import Foundation

/// The values that Tests/Support/Oracles/rank_oracle.py stored.
struct RankOracle: Decodable {
  struct Correlation: Decodable {
    var x: [Double]
    var y: [Double]
    var z: [Double]
    var ranks: [Double]
    var spearman: Double
    var partial: Double
    var lower: Double
    var upper: Double
  }
  struct Slope: Decodable {
    var stages: [Int]
    var levels: [Double]
    var slope: Double
  }

  var correlations: [Correlation]
  var slopes: [Slope]

  static func load() throws -> RankOracle {
    let tests = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
      .deletingLastPathComponent().deletingLastPathComponent()
    let fixture = tests.appendingPathComponent("Support/Fixtures/rank_oracle.json")
    return try JSONDecoder().decode(RankOracle.self, from: Data(contentsOf: fixture))
  }
}
