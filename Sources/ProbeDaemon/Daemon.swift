import Glibc
public import Logging
import NIOPosix
import ProbeCore
import ProbeStore
import ServiceLifecycle
public import UnixSignals

/// The daemon: one store, the spool that it follows and the socket that it listens at, held from the
/// moment it is made to its end.
public struct Daemon: ~Copyable {
  /// What it serves.
  public struct Configuration: Sendable {
    /// The store's file; made where there is none.
    public var store: String
    /// The folder of journals that it follows; nil: none.
    public var spool: String?
    /// The path of the Unix socket.
    public var socket: String
    /// The group that may connect beside the user; nil: none.
    public var group: UInt32?
    /// Where it listens on the network too; nil: nowhere.
    public var network: Network?

    /// What a daemon serves.
    public init(
      store: String, spool: String?, socket: String, group: UInt32? = nil, network: Network? = nil
    ) {
      self.store = store
      self.spool = spool
      self.socket = socket
      self.group = group
      self.network = network
    }
  }

  /// How long another process may hold the store's lock or the spool's: a verb that reads takes in what
  /// waits, and is soon done.
  ///
  /// Unit: seconds.
  private static let patience = 5
  /// How long a request in flight has to end once the daemon was told to stop.
  static let graceful = Duration.seconds(10)
  /// The memory for bodies in flight.
  ///
  /// Unit: bytes.
  private static let budget = 32 << 20

  private let configuration: Configuration
  private let logger: Logger
  private let store: Store
  private let file: FileIdentity
  private let socket: SocketFile
  private let network: NetworkPlace?
  private let spoolLock: StoreLock?
  private let storeLock: StoreLock

  /// Takes what the daemon needs: the socket, the locks, the store.
  ///
  /// - Throws: ``DaemonError`` where another process has one of them or it cannot be had.
  public init(_ configuration: Configuration, logger: Logger) throws(DaemonError) {
    do throws(StoreError) { try Store.checkForWriting(configuration.store) } catch {
      throw .store(error)
    }
    // Only daemons take a socket: of two that start at once the second knows at once.
    let socket = try SocketFile(
      claiming: configuration.socket, access: configuration.group.map { .group($0) } ?? .owner)
    let network: NetworkPlace?
    if let wanted = configuration.network {
      network = try NetworkPlace(wanted)
    } else {
      network = nil
    }
    let spoolLock = try Self.lockSpool(configuration.spool, logger)
    let storeLock = try Self.lock("\(configuration.store).lock", of: configuration.store)
    (store, file) = try Self.open(configuration.store)
    self.configuration = configuration
    self.logger = logger
    self.socket = socket
    self.network = network
    self.spoolLock = spoolLock
    self.storeLock = storeLock
  }

  /// Where it listens on the network; nil: nowhere.
  public var url: String? { network?.url }

  /// Serves until it is told to stop by one of these signals, or the store is gone.
  ///
  /// What is in flight then has ten seconds to end; the write-ahead log is emptied into the store. On
  /// SIGHUP one that listens on the network reads its tokens and its certificate again.
  /// `onReady` is called once connections are accepted, `onStopping` once no more are.
  public consuming func run(
    until signals: [UnixSignal] = [.sigterm, .sigint], onReady: @escaping @Sendable () -> Void = {},
    onStopping: @escaping @Sendable () -> Void = {}
  ) async throws {
    var limits = Listener.Limits()
    // Some are for the store, the spool and whoever asks meanwhile.
    var endpoints = [
      Endpoint(descriptor: socket.descriptor, place: configuration.socket, access: nil)
    ]
    if let network { endpoints.append(network.endpoint(logger: logger)) }
    let most = (Self.raiseDescriptorLimit() - 64) / endpoints.count
    limits.connections = min(limits.connections, max(8, most))
    let ledger = IntakeLedger(logger: logger)
    let writer = StoreWriter(store: store, file: file, ledger: ledger)
    let journals = JournalIntake(
      store: try store.uuid(), offsets: try Store.openForReading(at: configuration.store),
      writer: writer, budget: MemoryBudget(limit: Self.budget))
    let api = API(
      journals: journals, reads: Reads(path: configuration.store), ledger: ledger, file: file,
      spool: configuration.spool, startedAt: WallClock.now, network: network)
    let listener = Listener(
      endpoints: endpoints, api: api, logger: logger, limits: limits, onListening: onReady,
      onStopping: onStopping)
    // Stopped in the reverse order: first nothing comes in any more, last the writer ends.
    var services: [any Service] = [
      writer, StoreWatch(store: store, file: file, ledger: ledger),
      VerdictService(store: store, ledger: ledger, logger: logger),
    ]
    if let folder = configuration.spool {
      services.append(
        SpoolFollower(folder: folder, store: store, file: file, ledger: ledger, logger: logger))
    }
    if let network {
      if let certificate = network.credentials.certificate,
        certificate.expiresAt < WallClock.now + Health.certificateNotice
      {
        logger.warning("the TLS certificate expires at \(certificate.expiry): renew it")
      }
      services.append(
        CredentialsReload(
          credentials: network.credentials,
          signals: await UnixSignalsSequence(trapping: .sighup), logger: logger))
    }
    services.append(listener)
    try await Self.serve(services, until: signals)
    do throws(StoreError) { try store.checkpoint() } catch {
      // All of it is durable in the log; whoever opens the store next moves it over.
      logger.warning("\(error); \(error.hint)")
    }
  }

  private static func serve(_ services: [any Service], until signals: [UnixSignal]) async throws {
    let silent = Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }
    var configuration = ServiceGroupConfiguration(
      services: services.map {
        .init(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup)
      }, gracefulShutdownSignals: signals, logger: silent)
    configuration.maximumGracefulShutdownDuration = graceful
    try await ServiceGroup(configuration: configuration).run()
  }

  private static func open(_ path: String) throws(DaemonError) -> (Store, FileIdentity) {
    do throws(StoreError) {
      let store = try Store.openForWriting(at: path)
      guard let file = FileIdentity(at: path) else {
        throw StoreError(
          .gone, action: "open the store", subject: path, reason: "it was deleted at once",
          hint: "start again")
      }
      return (store, file)
    } catch { throw .store(error) }
  }

  private static func lockSpool(
    _ folder: String?, _ logger: Logger
  ) throws(DaemonError) -> StoreLock? {
    guard let folder else { return nil }
    guard access(folder, W_OK) == 0 || errno != EACCES && errno != EROFS else {
      logger.warning(
        "\(folder) is read-only: it is followed, but what is taken in stays where it is")
      return nil
    }
    return try lock("\(folder)/.lock", of: folder)
  }

  private static func lock(_ path: String, of subject: String) throws(DaemonError) -> StoreLock {
    let outcome: StoreLock.Outcome
    do throws(StoreError) { outcome = try StoreLock.lock(path, waiting: patience) } catch {
      throw .store(error)
    }
    switch consume outcome {
    case .held(let lock): return lock
    case .busy(let holder): throw .locked(path: subject, holder: holder)
    }
  }

  /// Allows as many descriptors as the system lets it, and says how many.
  private static func raiseDescriptorLimit() -> Int {
    let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard getrlimit(files, &limit) == 0 else { return 1024 }
    limit.rlim_cur = min(limit.rlim_max, 65_536)
    setrlimit(files, &limit)
    return getrlimit(files, &limit) == 0 ? Int(clamping: limit.rlim_cur) : 1024
  }
}
