import DigitsTrainer
import Testing

@Suite struct LearningRateScheduleTests {
  @Test func `the rate rises in a line to its peak and falls along a cosine to zero`() {
    let schedule = LearningRateSchedule(peak: 0.1, warmUpSteps: 9, steps: 109)
    #expect(abs(schedule.rate(at: 0) - 0.01) < 1e-15)
    #expect(abs(schedule.rate(at: 8) - 0.09) < 1e-15)
    #expect(schedule.rate(at: 9) == 0.1)
    #expect(abs(schedule.rate(at: 59) - 0.05) < 1e-15)
    #expect(schedule.rate(at: 108) > 0)
    #expect(abs(schedule.rate(at: 109)) < 1e-15)
    let rates = (9...109).map(schedule.rate(at:))
    #expect(zip(rates, rates.dropFirst()).allSatisfy { $0 > $1 })
  }

  @Test func `without warm-up the peak is the first step`() {
    #expect(LearningRateSchedule(peak: 2, warmUpSteps: 0, steps: 5).rate(at: 0) == 2)
  }

  @Test func `the usual plan takes 600 steps, 40 of them to warm up`() {
    let schedule = TrainingPlan().schedule(samples: 1297)
    #expect(schedule == LearningRateSchedule(peak: 0.1, warmUpSteps: 40, steps: 600))
  }
}
