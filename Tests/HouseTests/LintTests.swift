import Testing

@Suite struct LintTests {
  @Test func `The formatter and its documentation rules have nothing to say`() throws {
    let outcome = try Repository.run(
      "swift", "format", "lint", "--strict", "--recursive", "Package.swift", "Sources", "Tests")
    #expect(outcome.code == 0)
    #expect(outcome.output == "")
  }

  @Test func `The rules that this house relies on are on`() throws {
    let settings = try Repository.text(".swift-format")
    for rule in [
      "AllPublicDeclarationsHaveDocumentation", "BeginDocumentationCommentWithOneLineSummary",
      "NoBlockComments", "OrderedImports", "UseTripleSlashForDocumentationComments",
      "ValidateDocumentationComments",
    ] {
      #expect(settings.contains("\"\(rule)\": true"), "\(rule)")
    }
  }

  @Test func `Only what a generator wrote is left out of the lint`() throws {
    let sign = "swift-format-" + "ignore"
    for file in Repository.swiftFiles(under: "Sources") + Repository.swiftFiles(under: "Tests") {
      #expect(try !Repository.text(file).contains(sign), "\(file)")
    }
  }
}
