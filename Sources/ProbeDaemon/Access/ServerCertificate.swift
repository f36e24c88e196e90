import NIOCore
import NIOSSL
import ProbeReport

/// A certificate and its key, as TLS at a listener needs them.
struct ServerCertificate: Sendable {
  /// How long a peer may take to answer the end of a connection.
  private static let shutdown = TimeAmount.seconds(2)

  /// What connections are made with.
  let context: NIOSSLContext
  /// The DNS names that it is for, in lower case; `*.` stands for one label.
  let names: [String]
  /// When the first certificate of the chain expires.
  ///
  /// Unit: seconds since 1970.
  let expiresAt: Double
  /// The same for people.
  var expiry: String { Timestamp.format(expiresAt) }

  /// The certificate of two PEM files, the chain with the server's own first.
  ///
  /// - Throws: ``DaemonError/credentials(name:path:reason:hint:)`` where one of them cannot be used or
  ///   they do not belong together.
  init(certificate path: String, key keyPath: String, at now: Double) throws(DaemonError) {
    let file = CredentialFile(name: "TLS certificate", path: path, isSecret: false)
    let chain = try Self.chain(file)
    let key = try Self.key(CredentialFile(name: "TLS key", path: keyPath, isSecret: true))
    for certificate in chain {
      let (begins, ends) = (Double(certificate.notValidBefore), Double(certificate.notValidAfter))
      guard now < ends else {
        throw file.flawed("it expired at \(Timestamp.format(ends))", hint: "renew it")
      }
      guard begins <= now else {
        throw file.flawed(
          "it is valid from \(Timestamp.format(begins)) on", hint: "check this machine's clock")
      }
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    configuration.shutdownTimeout = Self.shutdown
    do { context = try NIOSSLContext(configuration: configuration) } catch {
      throw file.flawed(
        "the key \(keyPath) does not belong to it",
        hint: "name a key and its certificate; the server's own comes first in a chain")
    }
    names = chain[0]._subjectAlternativeNames().filter { $0.nameType == .dnsName }.map {
      $0.contents.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self).lowercased() }
    }
    expiresAt = chain.map { Double($0.notValidAfter) }.min() ?? now
  }

  private static func chain(_ file: CredentialFile) throws(DaemonError) -> [NIOSSLCertificate] {
    let bytes = try file.read()
    guard let chain = try? NIOSSLCertificate.fromPEMBytes(bytes), !chain.isEmpty else {
      throw file.flawed(
        "it holds no certificate in PEM", hint: "it begins with -----BEGIN CERTIFICATE-----")
    }
    return chain
  }

  private static func key(_ file: CredentialFile) throws(DaemonError) -> NIOSSLPrivateKey {
    let bytes = try file.read()
    guard !String(decoding: bytes, as: UTF8.self).contains("ENCRYPTED") else {
      throw file.flawed(
        "it has a passphrase", hint: "`openssl pkey -in \(file.path)` writes it without")
    }
    guard !bytes.isEmpty, let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
      throw file.flawed("it holds no private key in PEM", hint: "it begins with -----BEGIN")
    }
    return key
  }
}
