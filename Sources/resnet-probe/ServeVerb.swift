import ArgumentParser
import Glibc
import Logging
import ProbeDaemon
import ProbeRecorder
import ProbeStore

/// `serve`: the daemon.
struct ServeVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract:
      "Take journals into the store as they grow, from the spool and over HTTP, until told to stop.",
    discussion: """
      Follows the spool of this host and listens at a Unix socket, and with --listen on the network, for \
      journals of other hosts. One daemon serves a store. SIGTERM and SIGINT end it within ten seconds; \
      nothing is lost, however it ends. SIGHUP makes it read its tokens and its certificate again.

      Examples:
        resnet-probe serve
        resnet-probe serve --store lab.sqlite --spool /scratch/spool
        resnet-probe serve --log-format json --log-level debug
        resnet-probe serve --listen 127.0.0.1:8080 --token-file tokens
        resnet-probe serve --listen 0.0.0.0:8443 --token-file tokens \\
          --tls-certificate server.pem --tls-key server.key
      """)

  @Option(
    help: ArgumentHelp(
      "The Unix socket to listen at.", discussion: "Default: <store>.run/socket.",
      valueName: "path"))
  var socket: String?

  @Option(
    help: ArgumentHelp(
      "A group whose members may connect too, to a --socket in a folder that they can enter.",
      valueName: "name"))
  var group: String?

  @Option(help: "The least level that is logged.")
  var logLevel = Logger.Level.info

  @Option(help: "What a line of the log looks like.")
  var logFormat = LogLines.Format.text

  @OptionGroup var network: NetworkOptions

  @OptionGroup var options: StoreOptions

  func run() async throws {
    if group != nil, socket == nil {
      throw ValidationError(
        "the default socket is in a folder that only you can enter: --group needs --socket")
    }
    let network = try network.network()
    if let spool = options.spool { try Self.check(spool) }
    let store = try options.path()
    if options.isDefault { Folder.make(for: store) }
    let spool = options.spoolPath
    if let spool { Folder.make(for: spool + "/") }
    if socket == nil {
      try Store.checkForWriting(store)
      try SocketPlace.makeFolder(forStore: store)
    }
    let path = socket ?? SocketPlace.path(forStore: store)
    let (level, format) = (logLevel, logFormat)
    let sink = LogSink()
    let logger = Logger(label: "resnet-probe") { _ in
      LogLines(format: format, level: level, sink: sink)
    }
    let daemon = try Daemon(
      Daemon.Configuration(
        store: store, spool: spool, socket: path, group: try group.map(Self.number),
        network: network),
      logger: logger)
    let place = daemon.url.map { "\(path) and \($0)" } ?? path
    try await daemon.run(
      onReady: {
        let following = spool.map { ", following \($0)" } ?? ""
        logger.info("serving \(store) at \(place)\(following)")
        ServiceNotice.ready.send()
      },
      onStopping: {
        logger.info("stopping")
        ServiceNotice.stopping.send()
      })
    logger.info("stopped")
  }

  /// A spool that was named must be there, and one's own: files of others are passed over.
  private static func check(_ spool: String) throws(StoreError) {
    var status = stat()
    let isThere = lstat(spool, &status) == 0
    guard !isThere || status.st_mode & S_IFMT != S_IFDIR || status.st_uid != geteuid() else {
      return
    }
    throw StoreError(
      .failed, action: "follow", subject: spool,
      reason: !isThere
        ? "there is no such folder"
        : status.st_mode & S_IFMT != S_IFDIR
          ? "it is no folder" : "it belongs to another user, as its segments do",
      hint: "name a folder of your own")
  }

  private static func number(ofGroup name: String) throws -> UInt32 {
    guard let group = getgrnam(name) else { throw ValidationError("there is no group \(name)") }
    return group.pointee.gr_gid
  }
}
