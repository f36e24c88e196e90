import ProbeCore
import ProbeRecorder
import Testing

@Suite struct RunDescriptionTests {
  private func opened(
    _ description: RunDescription, environment: [String: String] = [:]
  ) throws -> RunOpened {
    try description.opened(startedAt: 1, host: "h", environment: { environment[$0] })
  }

  @Test func `an identity given wins over the environment's, which wins over chance`() throws {
    let given = Identity.random()
    let named = Identity.random()
    let environment = ["RESNET_PROBE_RUN_ID": named.description]
    #expect(try opened(RunDescription(name: "r", id: given), environment: environment).run == given)
    #expect(try opened(RunDescription(name: "r"), environment: environment).run == named)
    #expect(try opened(RunDescription(name: "r")).run != opened(RunDescription(name: "r")).run)
  }

  @Test func `what no journal can carry is refused in one line`() {
    func message(_ description: RunDescription, _ environment: [String: String] = [:]) -> String? {
      #expect(throws: RecorderError.self) {
        try opened(description, environment: environment)
      }?.description
    }
    #expect(
      message(RunDescription(name: "r", firstStep: -1))
        == "cannot open a run \"r\": its first step is -1; change the RunDescription")
    #expect(
      message(RunDescription(name: "r", rank: 2, worldSize: 2))
        == "cannot open a run \"r\": it is rank 2 of 2; change the RunDescription")
    #expect(
      message(RunDescription(name: "r"), ["RESNET_PROBE_RUN_ID": "none"])
        == "cannot open a run \"r\": RESNET_PROBE_RUN_ID is no identity; set it to 32 hexadecimal digits or unset it"
    )
    let long = RunDescription(name: "r", project: String(repeating: "p", count: 513))
    #expect(
      message(long)
        == "cannot open a run \"r\": its project is over 512 bytes; change the RunDescription")
    let large = RunDescription(name: "r", config: ["k": String(repeating: "v", count: 65_537)])
    #expect(message(large)?.contains("a value over 64 KiB") == true)
    let values = (0..<17).map { ("\($0)", String(repeating: "v", count: 65_536)) }
    let heavy = RunDescription(name: "r", config: Dictionary(uniqueKeysWithValues: values))
    #expect(
      message(heavy)
        == "cannot open a run \"r\": its configuration is over 1 MiB; change the RunDescription")
  }

  @Test(arguments: [
    "password", "HF_TOKEN", "apiKey", "wandb.api_key", "aws-secret-access-key", "dbPassword",
    "AUTHORIZATION",
  ])
  func `secrets are redacted`(key: String) {
    #expect(Redaction.redacted([key: "hush"]) == [key: "(redacted)"])
  }

  @Test(arguments: ["tokenizer", "max_tokens", "lr", "key", "author", "weight_decay", "keyFrame"])
  func `settings are not redacted`(key: String) {
    #expect(Redaction.redacted([key: "3"]) == [key: "3"])
  }

  @Test func `the environment names the spool`() {
    func path(_ environment: [String: String]) -> String? {
      Spool(environment: { environment[$0] }).path
    }
    #expect(path(["HOME": "/h"]) == "/h/.local/state/resnet-probe/spool")
    #expect(path(["HOME": "/h", "XDG_STATE_HOME": "/s"]) == "/s/resnet-probe/spool")
    #expect(
      path(["HOME": "/h", "XDG_STATE_HOME": "relative"]) == "/h/.local/state/resnet-probe/spool")
    #expect(path(["HOME": "/h", "RESNET_PROBE_SPOOL": "/own"]) == "/own")
    #expect(path([:]) == nil)
    #expect(
      #expect(throws: RecorderError.self) { try SpoolFolder(Spool(environment: { _ in nil })) }?
        .description
        == "cannot open the spool in the home folder: neither RESNET_PROBE_SPOOL, XDG_STATE_HOME nor HOME is set; set RESNET_PROBE_SPOOL to a folder of your own"
    )
    #expect(Spool(environment: { _ in nil }).limit == 2 << 30)
    #expect(
      Spool(environment: { ["RESNET_PROBE_SPOOL_LIMIT": "4096"][$0] }).limit == 4_096)
    #expect(
      Spool(environment: { ["RESNET_PROBE_SPOOL_LIMIT": "lots"][$0] }).limit == 2 << 30)
  }
}
