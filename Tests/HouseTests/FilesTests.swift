import Foundation
import Testing

@Suite struct FilesTests {
  @Test func `The repository is a git checkout with sources`() {
    #expect(Repository.swiftFiles(under: "Sources").count > 100)
    #expect(Repository.swiftFiles(under: "Tests").count > 20)
  }

  @Test func `A source has at most 400 lines and a test 600`() throws {
    for (folder, most) in [("Sources", 400), ("Tests", 600)] {
      for file in Repository.swiftFiles(under: folder) {
        let lines = try Repository.lines(file).count
        #expect(lines <= most, "\(file) has \(lines) lines")
      }
    }
  }

  @Test func `A file is named for its idea, not for being of use`() {
    let empty = ["utils", "util", "helpers", "helper", "manager", "base", "common"]
    for file in Repository.files {
      for part in file.split(separator: "/") {
        let name = part.prefix { $0 != "." }.lowercased()
        #expect(!empty.contains { name.hasSuffix($0) }, "\(file)")
      }
    }
  }

  @Test func `The top level holds what a newcomer must see, and dot files`() {
    let visible: Set = ["Package.swift", "Sources", "Tests", "schema.sql", "README.md"]
    let found = Set(Repository.files.map { String($0.prefix { $0 != "/" }) })
    #expect(found.filter { !$0.hasPrefix(".") } == visible)
  }

  @Test func `What is left to do says why`() throws {
    // In two parts, so that this file does not find itself.
    for word in ["TO" + "DO", "FIX" + "ME"] {
      for file in Repository.files {
        for (index, line) in try Repository.lines(file).enumerated() where line.contains(word) {
          let reason = line[line.firstRange(of: word)!.upperBound...]
          #expect(reason.hasPrefix(": ") && reason.count > 12, "\(file):\(index + 1): \(line)")
        }
      }
    }
  }

  @Test func `No file names a place on the machine it was written on`() throws {
    let places = ["work", "root"].map { "/" + $0 + "/" }
    for file in Repository.files {
      for (index, line) in try Repository.lines(file).enumerated() {
        for place in places {
          // A folder of that name deep in another path is no place of its own.
          let starts = line.ranges(of: place).contains { range in
            guard range.lowerBound > line.startIndex else { return true }
            let before = line[line.index(before: range.lowerBound)]
            return !(before.isLetter || before.isNumber || "._-})~".contains(before))
          }
          #expect(!starts, "\(file):\(index + 1): \(line)")
        }
      }
    }
  }
}
