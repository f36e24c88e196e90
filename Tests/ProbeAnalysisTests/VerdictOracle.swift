import Foundation

/// The values that Tests/Support/Oracles/verdict_oracle.py stored.
struct VerdictOracle: Decodable {
  struct Student: Decodable {
    var degrees: Double
    var cumulative: [[Double]]
    var density: [[Double]]
    var quantile: [[Double]]
  }
  struct Wilson: Decodable {
    var successes: Int
    var trials: Int
    var confidence: Double
    var lower: Double
  }
  struct Holm: Decodable {
    var p: [Double]
    var adjusted: [Double]
  }
  struct Series: Decodable {
    var values: [Double]
    var mean: Double
    var autocorrelation: Double
    var lower: Double
    var upper: Double
    var upper99: Double
    var pAtLeast: Double
    var rise: Double?
    var riseError: Double?
  }

  var student: [Student]
  var normal: [[Double]]
  var wilson: [Wilson]
  var holm: [Holm]
  var series: [Series]

  static func load() throws -> VerdictOracle {
    let tests = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
      .deletingLastPathComponent().deletingLastPathComponent()
    let fixture = tests.appendingPathComponent("Support/Fixtures/verdict_oracle.json")
    return try JSONDecoder().decode(VerdictOracle.self, from: Data(contentsOf: fixture))
  }
}

/// Whether two numbers agree within a relative tolerance.
func agree(_ a: Double, _ b: Double, within tolerance: Double) -> Bool {
  a == b || abs(a - b) <= tolerance * max(abs(a), abs(b))
}
