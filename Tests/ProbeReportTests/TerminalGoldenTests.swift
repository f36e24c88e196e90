internal import ProbeReport
internal import Testing

/// Whole renderings, letter by letter: what a person sees is the contract.
@Suite struct `The terminal rendering of a report` {
  @Test func `at 60 columns`() {
    let golden = """
      Run 42 · resnet-digits · project digits
      completed at step 2000 of 2001 · 84 steps measured ·
        batch loss 0.0123 · recording took 3.2 s (0.4 %)

      3 of 8 blocks behave as the identity: layer3.1, layer3.3 (at
        birth, since step 0); layer2.1 (collapsed, since step
        900).
      3 are active.
      1 is a projection and cannot be the identity.
      1 is undetermined:
        layer3.0.inner.deeply.nested.residual_block (missing a
        narrower interval: the gap's bounds lie on both sides of
        0.05).
      Candidates only. Predicted from training statistics; not
        confirmed by ablation.

      Gradients: ‖∂h‖ at the first block is 1× that at the last at
        step 0, 1× after warm-up, 1× now.
      Skill: not confirmed; no block was ablated (probe.examine).
      Depth: about 3 of 8 blocks do the work as far as training
        tells (participation depth 3.39 by Taylor importance).
      Candidates: blocks 3, 5 and 7 of 8, by their verdicts, not
        confirmed: the network was never examined (probe.examine).
      They take 38 % of the blocks' multiply–accumulates and 38 %
        of their parameters.

      #  block                      gap  verdict          trend
      ─  ──────────────────────  ──────  ───────────────  ────────
      0  layer1.0                0.610   active           ███▇▇▇▇▇
      1  layer1.1                0.183   active           █▇▇▆▆▆▆▆
      2  layer2.0                     ·  not applicable   ········
      3  layer2.1                0.0120  near identity    ▇▇▆▄▁▁▁▁
      4  layer3.…residual_block  0.0490  undetermined     ▇▇▆▅▃▃▃▃
      5  layer3.1                0       strict identity  ▁▁▁▁▁▁▁▁
      6  layer3.2                0.200   active           ▂▄▅▅▆▆▆▆
      7  layer3.3                0       strict identity  ▁▁▁▁▁▁▁▁

      gap: ‖y − x‖/‖x‖ of the median sample over 20 records at
        steps 1050 to 2000, y taken after the activation that
        follows the add; near identity below 0.05, strict below
        0.01
      trend: gap at steps 0 to 2000, logarithmic, ▁ 0.01 to █ 0.9
      Not shown for want of room: kind, stage, bounds, p90, ratio,
        cos, Taylor, ‖∂θ‖, ‖θ‖, ‖∂h‖, since

      """
    #expect(TerminalRenderer(width: 60).render(Sample.report()) == golden)
  }

  @Test func `at 80 columns`() {
    let golden = """
      Run 42 · resnet-digits · project digits
      completed at step 2000 of 2001 · 84 steps measured · batch loss 0.0123 ·
        recording took 3.2 s (0.4 %)

      3 of 8 blocks behave as the identity: layer3.1, layer3.3 (at birth, since step
        0); layer2.1 (collapsed, since step 900).
      3 are active.
      1 is a projection and cannot be the identity.
      1 is undetermined: layer3.0.inner.deeply.nested.residual_block (missing a
        narrower interval: the gap's bounds lie on both sides of 0.05).
      Candidates only. Predicted from training statistics; not confirmed by ablation.

      Gradients: ‖∂h‖ at the first block is 1× that at the last at step 0, 1× after
        warm-up, 1× now.
      Skill: not confirmed; no block was ablated (probe.examine).
      Depth: about 3 of 8 blocks do the work as far as training tells (participation
        depth 3.39 by Taylor importance).
      Candidates: blocks 3, 5 and 7 of 8, by their verdicts, not confirmed: the
        network was never examined (probe.examine).
      They take 38 % of the blocks' multiply–accumulates and 38 % of their parameters.

      #  block                         gap       bounds  verdict          trend
      ─  ─────────────────────────  ──────  ───────────  ───────────────  ────────────
      0  layer1.0                   0.610     0.57–0.65  active           █████▇▇▇▇▇▇▇
      1  layer1.1                   0.183     0.17–0.20  active           █▇▇▇▆▆▆▆▆▆▆▆
      2  layer2.0                        ·            ·  not applicable   ············
      3  layer2.1                   0.0120  0.011–0.013  near identity    ▇▇▇▆▆▃▁▁▁▁▁▁
      4  layer3.0…d.residual_block  0.0490  0.046–0.052  undetermined     ▇▇▇▆▆▄▃▃▃▃▃▃
      5  layer3.1                   0                 0  strict identity  ▁▁▁▁▁▁▁▁▁▁▁▁
      6  layer3.2                   0.200     0.18–0.22  active           ▂▃▄▅▅▆▆▆▆▆▆▆
      7  layer3.3                   0                 0  strict identity  ▁▁▁▁▁▁▁▁▁▁▁▁

      gap: ‖y − x‖/‖x‖ of the median sample over 20 records at steps 1050 to 2000, y
        taken after the activation that follows the add; near identity below 0.05,
        strict below 0.01
      bounds: of the gap, 95 % confidence on each side, rounded outwards
      trend: gap at steps 0 to 2000, logarithmic, ▁ 0.01 to █ 0.9
      Not shown for want of room: kind, stage, p90, ratio, cos, Taylor, ‖∂θ‖, ‖θ‖,
        ‖∂h‖, since

      """
    #expect(TerminalRenderer(width: 80).render(Sample.report()) == golden)
  }

  @Test func `at 100 columns`() {
    let golden = """
      Run 42 · resnet-digits · project digits
      completed at step 2000 of 2001 · 84 steps measured · batch loss 0.0123 ·
        recording took 3.2 s (0.4 %)

      3 of 8 blocks behave as the identity: layer3.1, layer3.3 (at birth, since step 0); layer2.1
        (collapsed, since step 900).
      3 are active.
      1 is a projection and cannot be the identity.
      1 is undetermined: layer3.0.inner.deeply.nested.residual_block (missing a narrower interval: the
        gap's bounds lie on both sides of 0.05).
      Candidates only. Predicted from training statistics; not confirmed by ablation.

      Gradients: ‖∂h‖ at the first block is 1× that at the last at step 0, 1× after warm-up, 1× now.
      Skill: not confirmed; no block was ablated (probe.examine).
      Depth: about 3 of 8 blocks do the work as far as training tells (participation depth 3.39 by Taylor
        importance).
      Candidates: blocks 3, 5 and 7 of 8, by their verdicts, not confirmed: the network was never examined
        (probe.examine).
      They take 38 % of the blocks' multiply–accumulates and 38 % of their parameters.

      #  block                     gap       bounds     p90           ratio  verdict          trend
      ─  ─────────────────────  ──────  ───────────  ──────  ──────────────  ───────────────  ────────────
      0  layer1.0               0.610     0.57–0.65  0.915     0.76 (0.54×)  active           █████▇▇▇▇▇▇▇
      1  layer1.1               0.183     0.17–0.20  0.275     0.23 (0.16×)  active           █▇▇▇▆▆▆▆▆▆▆▆
      2  layer2.0                    ·            ·       ·    0.50 (0.36×)  not applicable   ············
      3  layer2.1               0.0120  0.011–0.013  0.0180  0.015 (0.011×)  near identity    ▇▇▇▆▆▃▁▁▁▁▁▁
      4  layer3…residual_block  0.0490  0.046–0.052  0.0735  0.061 (0.044×)  undetermined     ▇▇▇▆▆▄▃▃▃▃▃▃
      5  layer3.1               0                 0  0                0 (*)  strict identity  ▁▁▁▁▁▁▁▁▁▁▁▁
      6  layer3.2               0.200     0.18–0.22  0.300      0.25 (10×*)  active           ▂▃▄▅▅▆▆▆▆▆▆▆
      7  layer3.3               0                 0  0                0 (*)  strict identity  ▁▁▁▁▁▁▁▁▁▁▁▁

      gap: ‖y − x‖/‖x‖ of the median sample over 20 records at steps 1050 to 2000, y taken after the
        activation that follows the add; near identity below 0.05, strict below 0.01
      bounds: of the gap, 95 % confidence on each side, rounded outwards
      ratio: ‖F‖/‖x‖, in brackets as a multiple of step 0
      * F was zero at the first record: a multiple of the first record after warm-up, if F was not zero
        there either
      trend: gap at steps 0 to 2000, logarithmic, ▁ 0.01 to █ 0.9
      Not shown for want of room: kind, stage, cos, Taylor, ‖∂θ‖, ‖θ‖, ‖∂h‖, since

      """
    #expect(TerminalRenderer(width: 100).render(Sample.report()) == golden)
  }

  @Test func `at 140 columns`() {
    let golden = """
      Run 42 · resnet-digits · project digits
      completed at step 2000 of 2001 · 84 steps measured · batch loss 0.0123 · recording took 3.2 s (0.4 %)

      3 of 8 blocks behave as the identity: layer3.1, layer3.3 (at birth, since step 0); layer2.1 (collapsed, since step 900).
      3 are active.
      1 is a projection and cannot be the identity.
      1 is undetermined: layer3.0.inner.deeply.nested.residual_block (missing a narrower interval: the gap's bounds lie on both sides of 0.05).
      Candidates only. Predicted from training statistics; not confirmed by ablation.

      Gradients: ‖∂h‖ at the first block is 1× that at the last at step 0, 1× after warm-up, 1× now.
      Skill: not confirmed; no block was ablated (probe.examine).
      Depth: about 3 of 8 blocks do the work as far as training tells (participation depth 3.39 by Taylor importance).
      Candidates: blocks 3, 5 and 7 of 8, by their verdicts, not confirmed: the network was never examined (probe.examine).
      They take 38 % of the blocks' multiply–accumulates and 38 % of their parameters.

      #  block                        gap       bounds     p90           ratio    cos      Taylor  verdict          since     trend
      ─  ────────────────────────  ──────  ───────────  ──────  ──────────────  ─────  ──────────  ───────────────  ────────  ────────────────────
      0  layer1.0                  0.610     0.57–0.65  0.915     0.76 (0.54×)  +0.10    1   47 %  active                     ████████▇▇▇▇▇▇▇▇▇▇▇▇
      1  layer1.1                  0.183     0.17–0.20  0.275     0.23 (0.16×)  +0.10    2   18 %  active                     ██▇▇▇▇▇▆▆▆▆▆▆▆▆▆▆▆▆▆
      2  layer2.0                       ·            ·       ·    0.50 (0.36×)  +0.10    3   15 %  not applicable             ····················
      3  layer2.1                  0.0120  0.011–0.013  0.0180  0.015 (0.011×)  +0.10    6  0.6 %  near identity    step 900  █▇▇▇▇▆▆▅▅▂▁▁▁▁▁▁▁▁▁▁
      4  layer3.…d.residual_block  0.0490  0.046–0.052  0.0735  0.061 (0.044×)  +0.10    5    6 %  undetermined               ▇▇▇▇▆▆▆▅▅▄▃▃▃▃▃▃▃▃▃▃
      5  layer3.1                  0                 0  0                0 (*)  +0.10  7–8    0 %  strict identity  birth     ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁
      6  layer3.2                  0.200     0.18–0.22  0.300      0.25 (10×*)  +0.10    4   14 %  active                     ▁▃▄▄▄▅▅▅▅▆▆▆▆▆▆▆▆▆▆▆
      7  layer3.3                  0                 0  0                0 (*)  +0.10  7–8    0 %  strict identity  birth     ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁

      gap: ‖y − x‖/‖x‖ of the median sample over 20 records at steps 1050 to 2000, y taken after the activation that follows the add; near
        identity below 0.05, strict below 0.01
      bounds: of the gap, 95 % confidence on each side, rounded outwards
      ratio: ‖F‖/‖x‖, in brackets as a multiple of step 0
      * F was zero at the first record: a multiple of the first record after warm-up, if F was not zero there either
      Taylor: rank and share of first-order importance among the blocks (3–5: not told apart); not what a block's absence would cost
      trend: gap at steps 0 to 2000, logarithmic, ▁ 0.01 to █ 0.9
      Not shown for want of room: kind, stage, ‖∂θ‖, ‖θ‖, ‖∂h‖

      """
    #expect(TerminalRenderer(width: 140).render(Sample.report()) == golden)
  }
}
