import ProbeCore
import Testing

@Suite struct IdentityTests {
  private let text = "00112233445566778899aabbccddeeff"

  @Test func `Digits and bytes say the same`() throws {
    let identity = try #require(Identity(text))
    #expect(identity.bytes == (0..<16).map { UInt8($0 * 17) })
    #expect(identity.description == text)
    #expect(Identity(bytes: identity.bytes) == identity)
    #expect(Identity(bytes: [UInt8](repeating: 0, count: 16))?.description.utf8.count == 32)
  }

  @Test func `Capitals and a UUID's hyphens change nothing`() {
    #expect(Identity(text.uppercased()) == Identity(text))
    #expect(Identity("00112233-4455-6677-8899-AABBCCDDEEFF") == Identity(text))
    #expect(Identity(("x" + text).dropFirst()) == Identity(text))
  }

  @Test(arguments: [
    "", "none", "42", "00112233445566778899aabbccddeef", "00112233445566778899aabbccddeeff0",
    "00112233445566778899aabbccddeefg", " 00112233445566778899aabbccddeeff",
    "{00112233-4455-6677-8899-aabbccddeeff}", "00112233445566778899aabbccddeef\u{0}",
    "٠٠112233445566778899aabbccddeeff", "--------------------------------",
  ])
  func `Other texts are refused`(text: String) {
    #expect(Identity(text) == nil)
  }

  @Test(arguments: [0, 15, 17])
  func `Other numbers of bytes are refused`(count: Int) {
    #expect(Identity(bytes: [UInt8](repeating: 1, count: count)) == nil)
  }

  @Test func `A random identity is the generator's`() {
    var first = Sequence64(seed: 5)
    var second = Sequence64(seed: 5)
    let identity = Identity.random(using: &first)
    #expect(identity == Identity.random(using: &second))
    #expect(identity != Identity.random(using: &first))
    #expect(Identity.random() != Identity.random())
    #expect(Identity(identity.description) == identity)
  }
}
