internal import ProbeCore
internal import ProbeReport
internal import Testing

@Suite struct `A table` {
  static let table = Table(
    columns: [.init("id"), .init("name"), .init("loss"), .init("raw")],
    rows: [
      [.integer(1), .text("digits"), .real(0.123456789), .blob([0xDE, 0xAD])],
      [.integer(-200), .text("=1+1"), .null, .blob([])],
      [.null, .text("a,\"b\"\nc\u{1b}"), .real(.infinity), .null],
    ])

  @Test func `is aligned on a terminal`() {
    let golden = """
        id  name              loss  raw
      ────  ────────────  ────────  ────
         1  digits        0.123457  dead
      -200  =1+1                 ·
         ·  a,"b"\\nc\\x1b       inf  ·

      """
    #expect(TableRenderer().render(Self.table) == golden)
  }

  @Test func `keeps to the width, cutting words first`() {
    let golden = """
        id  name           loss  raw
      ────  ─────────  ────────  ────
         1  digits     0.123457  dead
      -200  =1+1              ·
         ·  a,"b"\\nc…       inf  ·

      """
    #expect(TableRenderer(width: 31).render(Self.table) == golden)
  }

  @Test func `names the columns that find no room`() {
    let text = TableRenderer(width: 15).render(Self.table)
    #expect(text.hasPrefix("  id  name\n"))
    #expect(text.hasSuffix("Not shown for\n  want of room:\n  loss, raw\n"))
  }

  @Test(arguments: Array(1...40) + [80, 140])
  func `is never wider than the terminal`(width: Int) {
    let rows = Hostile.names.map {
      [Cell.text($0), .integer(.min), .real(-1.23456e-300), .text($0)]
    }
    let table = Table(
      columns: ["a", "\u{1b}b", "c", Hostile.names[0]].map { Table.Column($0) }, rows: rows)
    for line in TableRenderer(width: width).render(table).split(separator: "\n") {
      #expect(DisplayWidth.of(line) <= max(2, width))
    }
  }

  @Test func `has colours only when asked`() {
    let columns = Self.table.columns
    #expect(!TableRenderer().render(Self.table).contains("\u{1b}"))
    #expect(TableRenderer(colour: true).render(Table(columns: columns)).contains("\u{1b}[1m"))
  }

  @Test func `without columns or rows is short`() {
    #expect(TableRenderer().render(Table(columns: [])) == "")
    #expect(TableRenderer().render(Table(columns: [.init("n")])) == "n\n─\n")
    #expect(JSONArrayRenderer.render(Table(columns: [.init("n")])) == "[]\n")
    #expect(CSVRenderer.render(Table(columns: [.init("n")])) == "n\n")
  }

  @Test func `is harmless in every format`() {
    let columns = Hostile.names.map { Table.Column($0) }
    let table = Table(columns: columns, rows: [Hostile.names.map { .text($0) }])
    #expect(Hostile.isHarmless(TableRenderer().render(table)))
    #expect(Hostile.isHarmless(CSVRenderer.render(table)))
    #expect(Hostile.isHarmless(JSONLinesRenderer.render(table)))
    #expect(Hostile.isHarmless(JSONArrayRenderer.render(table)))
  }
}

@Suite struct `Comma-separated values` {
  private func line(_ cell: Cell) -> String {
    var renderer = CSVRenderer(columns: [.init("x"), .init("y")])
    return String(renderer.row([cell, .integer(1)]).dropLast(3))
  }

  @Test func `follow RFC 4180`() {
    #expect(line(.text("plain")) == "plain")
    #expect(line(.text("a,b")) == "\"a,b\"")
    #expect(line(.text("say \"no\"")) == "\"say \"\"no\"\"\"")
    #expect(line(.text("two\nlines")) == "\"two\nlines\"")
    #expect(line(.text("a\r\nb")) == "\"a\\r\nb\"")
    #expect(line(.text(" padded")) == "\" padded\"")
  }

  @Test func `tell nothing from an empty text`() {
    #expect(line(.null) == "")
    #expect(line(.text("")) == "\"\"")
    var one = CSVRenderer(columns: [.init("x")])
    #expect(one.row([.null]) == "\"\"\n")
  }

  @Test(arguments: ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "＝1", "=HYPERLINK(\"x\",\"y\")"])
  func `do not run in a spreadsheet`(text: String) {
    let field = line(.text(text))
    #expect(field.hasPrefix("'") || field.hasPrefix("\"'"))
  }

  @Test func `leave numbers numbers`() {
    #expect(line(.integer(-5)) == "-5")
    #expect(line(.real(-0.1)) == "-0.1")
    #expect(line(.real(1.0 / 3)) == "0.3333333333333333")
    #expect(line(.real(.nan)) == "")
    #expect(line(.blob([0, 255])) == "00ff")
  }

  @Test func `end as asked`() {
    let table = Table(columns: [.init("n")], rows: [[.integer(1)]])
    #expect(CSVRenderer.render(table) == "n\n1\n")
    #expect(CSVRenderer.render(table, lineEnd: .carriageReturnLineFeed) == "n\r\n1\r\n")
  }
}

@Suite struct `A table in JSON` {
  @Test func `has an object a row with keys in column order`() throws {
    let lines = JSONLinesRenderer.render(`A table`.table).split(separator: "\n")
    #expect(
      lines.first == #"{"id": 1, "name": "digits", "loss": 0.123456789, "raw": {"hex": "dead"}}"#)
    #expect(lines.count == 3)
    let last = try JSONValue.parse(String(lines[2]))
    #expect(last["name"] == .text("a,\"b\"\nc\u{1b}"))
    #expect(last["loss"] == .null)
    let array = try JSONValue.parse(JSONArrayRenderer.render(`A table`.table))
    #expect(array[2] == last)
  }

  @Test func `tells columns of one name apart`() {
    #expect(ColumnKeys.unique(["a", "a", "a_2", "a", "b"]) == ["a", "a_3", "a_2", "a_4", "b"])
  }

  @Test(arguments: Hostile.names)
  func `gives back every text exactly`(name: String) throws {
    let table = Table(columns: [.init(name)], rows: [[.text(name)]])
    #expect(try JSONValue.parse(JSONLinesRenderer.render(table)) == .object([name: .text(name)]))
  }
}
