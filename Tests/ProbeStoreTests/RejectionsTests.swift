import ProbeStore
import Testing

@Suite struct RejectionsTests {
  @Test func `records are counted and the first reason is kept`() {
    var rejections = Rejections()
    #expect(rejections.isEmpty && rejections.first == nil)
    for number in 0..<1000 { rejections.add("record \(number)") }
    #expect(rejections.count == 1000 && rejections.first == "record 0")
    #expect(rejections.unknownRecords == 0 && !rejections.isEmpty)
  }

  @Test func `records of an unknown kind are told apart`() {
    var rejections = Rejections()
    rejections.addUnknown()
    rejections.add("wrong")
    #expect(rejections.count == 2 && rejections.unknownRecords == 1)
    #expect(rejections.first == "a record of a kind that this version does not know")
  }

  @Test func `merging keeps the reason of what came first`() {
    var empty = Rejections()
    var first = Rejections()
    first.add("first")
    var later = Rejections()
    later.addUnknown()
    first.merge(later)
    #expect(first.count == 2 && first.unknownRecords == 1 && first.first == "first")
    empty.merge(first)
    #expect(empty == first)
  }
}
