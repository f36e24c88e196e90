import ArgumentParser
import Glibc
import ProbeDaemon
import ProbeRecorder
import ProbeReport
import ProbeStore

/// How a command ends that could not do what it was asked: the only place where errors become exit codes.
enum Failure {
  /// The exit codes beyond 0.
  enum Code: Int32 {
    /// A file that cannot be read or written, or another failure.
    case failed = 1
    /// Wrong use.
    case usage = 2
    /// No such run, block or view.
    case notFound = 3
  }

  /// Prints one line (help and version: to standard output) and ends the process.
  static func exit(with error: any Error) -> Never {
    if let code = error as? ExitCode { Glibc.exit(code.rawValue) }
    if error as? StoreError == nil, error as? DaemonError == nil, error as? RecorderError == nil,
      error as? Output.Failed == nil
    {
      exitFromParser(error)
    }
    let (code, line) = describe(error)
    Output.note(line)
    Glibc.exit(code.rawValue)
  }

  private static func describe(_ error: any Error) -> (Code, String) {
    switch error {
    case DaemonError.store(let error): return describe(error)
    case let error as DaemonError: return (.failed, joined(error.description, error.hint))
    case let error as StoreError:
      let code: Code =
        switch error.kind {
        case .notFound: .notFound
        case .refused: .usage
        case .noStore, .full, .gone, .failed: .failed
        }
      return (code, joined(error.description, error.hint))
    default: return (.failed, "\(error)")
    }
  }

  /// The argument parser's own answers: help and version succeed, all else is wrong use.
  private static func exitFromParser(_ error: any Error) -> Never {
    guard ResnetProbe.exitCode(for: error) != .success else {
      do { try Output.write(ResnetProbe.fullMessage(for: error) + "\n") } catch {
        exit(with: error)
      }
      Glibc.exit(0)
    }
    let words = ResnetProbe.message(for: error).split(separator: "\n").joined(separator: " ")
    Output.note(joined(words, "`resnet-probe --help` shows how to use it"))
    Glibc.exit(Code.usage.rawValue)
  }

  /// A sentence and what to do next.
  static func joined(_ sentence: String, _ hint: String) -> String {
    let clause = sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence
    return hint.isEmpty ? sentence : "\(clause); \(hint)"
  }
}
