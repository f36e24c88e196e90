/// Which release of resnet-probe this is.
public enum Release {
  /// The version that the command and the daemon state.
  public static let version = "0.1.0"
}
