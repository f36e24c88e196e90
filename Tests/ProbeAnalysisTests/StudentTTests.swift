import ProbeAnalysis
import Testing

@Suite struct StudentTTests {
  @Test func `The distribution agrees with SciPy from the far tail to the middle`() throws {
    for row in try VerdictOracle.load().student {
      let law = StudentT(degreesOfFreedom: row.degrees)
      for pair in row.cumulative {
        #expect(agree(law.cumulative(pair[0]), pair[1], within: 1e-9), "ν \(row.degrees) \(pair)")
      }
      for pair in row.density {
        #expect(agree(law.density(pair[0]), pair[1], within: 1e-9), "ν \(row.degrees) \(pair)")
      }
      for pair in row.quantile {
        #expect(agree(law.quantile(pair[0]), pair[1], within: 1e-8), "ν \(row.degrees) \(pair)")
      }
    }
  }

  @Test func `One and two degrees of freedom follow their closed forms`() {
    let cauchy = StudentT(degreesOfFreedom: 1)
    let two = StudentT(degreesOfFreedom: 2)
    #expect(agree(cauchy.cumulative(1), 0.75, within: 1e-14))
    #expect(agree(cauchy.quantile(0.75), 1, within: 1e-13))
    for t in [-3.0, -0.4, 0.7, 12] {
      let exact = 0.5 + t / (2 * (2 + t * t).squareRoot())
      #expect(agree(two.cumulative(t), exact, within: 1e-12))
    }
  }

  @Test func `The quantile undoes the distribution and both are symmetric`() {
    for degrees in [1, 1.5, 7, 300] {
      let law = StudentT(degreesOfFreedom: degrees)
      for p in [1e-6, 0.01, 0.2, 0.5, 0.8] {
        #expect(agree(law.cumulative(law.quantile(p)), p, within: 1e-11))
        #expect(agree(law.quantile(p), -law.quantile(1 - p), within: 1e-9))
      }
    }
  }

  @Test func `The edges are the limits`() {
    let law = StudentT(degreesOfFreedom: 4)
    #expect(law.quantile(0) == -.infinity)
    #expect(law.quantile(1) == .infinity)
    #expect(law.quantile(0.5) == 0)
    #expect(law.cumulative(-.infinity) == 0)
    #expect(law.cumulative(.infinity) == 1)
    #expect(law.cumulative(0) == 0.5)
    #expect(law.cumulative(.nan).isNaN)
  }
}

@Suite struct StandardNormalTests {
  @Test func `Normal quantiles agree with SciPy and invert the distribution`() throws {
    for pair in try VerdictOracle.load().normal {
      #expect(agree(StandardNormal.quantile(pair[0]), pair[1], within: 1e-10), "\(pair)")
      #expect(
        agree(StandardNormal.cumulative(StandardNormal.quantile(pair[0])), pair[0], within: 1e-12))
    }
    #expect(StandardNormal.quantile(0.5) == 0)
    #expect(StandardNormal.quantile(0) == -.infinity)
    #expect(StandardNormal.quantile(1) == .infinity)
  }
}
