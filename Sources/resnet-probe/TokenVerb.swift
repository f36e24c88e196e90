public import ArgumentParser
import Glibc
public import ProbeDaemon

/// `token`: the secrets that requests over the network bear.
struct TokenVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token",
    abstract: "Make tokens for a daemon that listens on the network.",
    subcommands: [TokenNewVerb.self])
}

/// `token new`: makes one.
struct TokenNewVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new",
    abstract: "Make a token and print it, once.",
    discussion: """
      A token is 32 random bytes as text. Of scope write, it lets its bearer send journals; of scope read, \
      read runs and reports; of either, ask for the daemon's health.

      Examples:
        resnet-probe token new --file ~/.config/resnet-probe/tokens
        resnet-probe token new --file tokens --scope read
      """)

  @Option(help: "What its bearer may do.")
  var scope = TokenScope.write

  @Option(
    help: ArgumentHelp(
      "Add it to this file too, which is made, mode 0600, where there is none.", valueName: "file"))
  var file: String?

  func run() throws {
    let token = Token(newFor: scope)
    if let file {
      try TokenFile(at: file).append(token, at: Double(time(nil)))
      Output.note("added a \(scope.rawValue) token to \(file); a running daemon reads it on SIGHUP")
    }
    try Output.write(token.text + "\n")
  }
}

extension TokenScope: ExpressibleByArgument {}
