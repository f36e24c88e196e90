import Support
import Testing

@Suite struct ArticlesTests {
  private static let texts = [".md", ".swift", ".sql", ".proto", ".py"]

  @Test func `Every link in the README and the articles leads to a file`() throws {
    let articles = try Article.all
    let names = Set(articles.map(\.name))
    #expect(names.isSuperset(of: ["Statistics", "Verdicts", "WireFormat", "Commands", "Schema"]))
    var count = 0
    for article in articles + [try Article(path: "README.md")] {
      for link in article.text.matches(of: #/<doc:([^>]+)>/#) {
        #expect(names.contains(String(link.1)), "\(article.path): \(link.0)")
        count += 1
      }
      let folder = article.path.split(separator: "/").dropLast().joined(separator: "/")
      for link in article.text.matches(of: #/\]\(([^)\s]+)\)/#) where !link.1.contains("://") {
        let target = folder.isEmpty ? String(link.1) : "\(folder)/\(link.1)"
        #expect(Repository.exists(target), "\(article.path): \(link.1)")
        count += 1
      }
    }
    #expect(count > 20)
  }

  @Test func `Every article and decision is a topic of the first page`() throws {
    let topics = try Article("ResnetProbe").text
    for article in try Article.all where article.name != "ResnetProbe" {
      #expect(topics.contains("- <doc:\(article.name)>\n"), "\(article.name)")
    }
  }

  @Test func `A document that a comment names is in the repository`() throws {
    let documents = Set(
      Repository.files.filter { $0.hasSuffix(".md") }.map { $0.split(separator: "/").last! })
    var count = 0
    for file in Repository.files where file.hasSuffix(".swift") || file.hasSuffix(".sql") {
      for (index, line) in try Repository.lines(file).enumerated() where line.contains(".md") {
        for name in line.matches(of: #/\b[A-Z]\w+\.md\b/#) {
          #expect(documents.contains(name.0), "\(file):\(index + 1): \(name.0)")
          count += 1
        }
      }
    }
    #expect(count > 20)
  }

  @Test func `No file refers to what a user cannot read`() throws {
    // In two parts, so that this file does not find itself.
    let outside = ["STATIS" + "TICS", "DES" + "IGN", "STY" + "LE", "USE" + "RS"].map { $0 + ".md" }
    let files = Repository.files.filter { file in
      file.hasPrefix(".") || Self.texts.contains { file.hasSuffix($0) }
    }
    for file in files {
      for (index, line) in try Repository.lines(file).enumerated() {
        #expect(!outside.contains { line.contains($0) }, "\(file):\(index + 1)")
      }
    }
  }

  @Test func `A line of an article has at most 120 characters`() throws {
    for article in try Article.all {
      let lines = article.text.split(separator: "\n", omittingEmptySubsequences: false)
      for (index, line) in lines.enumerated() {
        #expect(line.count <= 120, "\(article.path):\(index + 1)")
      }
    }
  }

  @Test func `The bytes that the wire format shows are those of complete.rpj`() throws {
    let bytes = try Fixtures.bytes("complete.rpj")
    let shown = #/ {4}([0-9a-f]{2}) {2,6}((?:[0-9a-f]{2} )+)(…)?.*/#
    var end = 0
    for line in try Article("WireFormat").text.split(separator: "\n") {
      guard let match = line.wholeMatch(of: shown), let start = Int(match.1, radix: 16) else {
        continue
      }
      let stated = match.2.split(separator: " ").compactMap { UInt8($0, radix: 16) }
      #expect(start == end || end == -1, "\(line)")
      #expect(bytes[start...].starts(with: stated), "\(line)")
      end = match.3 == nil ? start + stated.count : -1
    }
    #expect(end > 0x9e)
  }
}
