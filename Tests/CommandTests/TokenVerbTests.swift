import Foundation
import Support
import Testing

@Suite struct TokenVerbTests {
  @Test func `token new prints one token and nothing else`() throws {
    let command = try Command()
    for (arguments, prefix) in [
      ([], "rp_w_"), (["--scope", "write"], "rp_w_"), (["--scope", "read"], "rp_r_"),
    ] {
      let outcome = try command.shell("\"$probe\" token new \(arguments.joined(separator: " "))")
      #expect(outcome.code == 0 && outcome.errors.isEmpty)
      #expect(outcome.output.wholeMatch(of: #/rp_[wr]_[A-Za-z0-9_-]{43}\n/#) != nil)
      #expect(outcome.output.hasPrefix(prefix))
    }
  }

  @Test func `with a file it is there too, for its owner alone, and a daemon takes it`() throws {
    let command = try Command()
    let path = command.home.file("tokens")
    let made = try command.shell("umask 000; \"$probe\" token new --file '\(path)' --scope read")
    #expect(made.code == 0)
    #expect(
      made.errors
        == "resnet-probe: added a read token to \(path); a running daemon reads it on SIGHUP\n")
    let again = try command("token", "new", "--file", path)
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.contains("\n\(made.output)") && text.hasSuffix("\n\(again.output)"))
    #expect(try command.shell("stat -c %a '\(path)'").output == "600\n")
    let daemon = try RunningDaemon(command, ["--listen", "127.0.0.1:0", "--token-file", path])
    let connection = try #require(HTTPConnection(to: try daemon.port()))
    let fields = ServerFiles.bearer(String(made.output.dropLast()))
    #expect(connection.request("GET", "/v1/runs", fields: fields)?.status == 200)
  }

  @Test func `where the file cannot be used no token is printed`() throws {
    let command = try Command()
    let open = command.home.file("open")
    try Data("# mine\n".utf8).write(to: URL(filePath: open))
    #expect(chmod(open, 0o644) == 0)
    for (path, words) in [
      (open, "its mode 0644 lets others at it; `chmod 600` keeps it to its owner"),
      (command.home.path, "Is a directory; check that its folder exists and can be written"),
      (
        "/nowhere/tokens",
        "No such file or directory; check that its folder exists and can be written"
      ),
    ] {
      let outcome = try command("token", "new", "--file", path)
      #expect(outcome.code == 1 && outcome.output.isEmpty)
      #expect(outcome.errors == "resnet-probe: cannot use the token file \(path): \(words)\n")
    }
    #expect(try String(contentsOfFile: open, encoding: .utf8) == "# mine\n")
    let full = command.home.file("full")
    let comment = "# " + String(repeating: "x", count: 997) + "\n"
    try Data(comment.utf8).write(to: URL(filePath: full))
    #expect(chmod(full, 0o600) == 0)
    let outcome = try command.shell("ulimit -f 1; \"$probe\" token new --file '\(full)'")
    #expect(outcome.code == 1 && outcome.output.isEmpty)
    #expect(outcome.errors.hasSuffix(": File too large; check its disk\n"), "\(outcome.errors)")
    #expect(try String(contentsOfFile: full, encoding: .utf8) == comment)
    let wrong = try command("token", "new", "--scope", "admin")
    #expect(
      wrong.code == 2 && wrong.errors.contains("The value 'admin' is invalid for '--scope <scope>'")
    )
    #expect(try command("token").output.contains("USAGE: resnet-probe token <subcommand>"))
  }
}
