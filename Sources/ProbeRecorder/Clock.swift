internal import Glibc

/// The two clocks of a recorder; a test gives its own.
package struct Clock {
  /// A clock that only goes forward.
  ///
  /// Unit: seconds.
  package var monotonic: () -> Double
  /// The time of day.
  ///
  /// Unit: seconds since 1970.
  package var wall: () -> Double

  /// Two clocks.
  package init(monotonic: @escaping () -> Double, wall: @escaping () -> Double) {
    self.monotonic = monotonic
    self.wall = wall
  }

  /// The system's clocks.
  package static var system: Clock {
    Clock(monotonic: { seconds(CLOCK_MONOTONIC) }, wall: { max(0, seconds(CLOCK_REALTIME)) })
  }

  private static func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
