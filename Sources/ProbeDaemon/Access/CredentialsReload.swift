import Logging
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// Reads tokens and certificate again whenever the daemon gets a signal, SIGHUP.
struct CredentialsReload: Service {
  let credentials: Credentials
  let signals: UnixSignalsSequence
  let logger: Logger

  func run() async throws {
    for await _ in signals.cancelOnGracefulShutdown() {
      // Files can be slow: on a thread that may wait.
      try? await NIOThreadPool.singleton.runIfActive { reload() }
    }
  }

  private func reload() {
    do throws(DaemonError) {
      let counts = try credentials.readTokens().counts
      logger.info(
        "read the tokens again: \(counts[.write, default: 0]) write, \(counts[.read, default: 0]) read"
      )
    } catch { logger.error("the tokens stay as they were: \(error); \(error.hint)") }
    do throws(DaemonError) {
      guard let certificate = try credentials.readCertificate() else { return }
      logger.info("read the TLS certificate again: it expires at \(certificate.expiry)")
    } catch { logger.error("the TLS certificate stays as it was: \(error); \(error.hint)") }
  }
}
