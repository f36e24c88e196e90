internal import FoundationEssentials
public import ProbeAnalysis

/// A report for programs: one JSON object, described by ``ReportDocument``.
///
/// Every key is always there; what is absent, undefined or not finite is null. Names are exact;
/// characters that are not printable are written as `\u` escapes, so that the bytes can be shown
/// on a terminal.
public struct JSONRenderer: Sendable, Hashable {
  /// A renderer.
  public init() {}

  /// The report as indented JSON with sorted keys, ended by a newline.
  public func render(_ report: Report) -> String { write(ReportDocument(report)) }

  /// A comparison of runs in the same way, described by ``ComparisonDocument``.
  public func render(_ comparison: Comparison) -> String { write(ComparisonDocument(comparison)) }

  /// A plan in the same way, described by ``PlanDocument``.
  public func render(_ plan: Plan) -> String { write(PlanDocument(plan)) }

  private func write(_ document: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    do {
      let data = try encoder.encode(document)
      return JSONText.escapingUnprintables(String(decoding: data, as: UTF8.self)) + "\n"
    } catch {
      // Numbers that are not finite are the only ones JSON cannot hold, and `OrNull` has none.
      preconditionFailure("a document holds nothing that JSON cannot: \(error)")
    }
  }
}
